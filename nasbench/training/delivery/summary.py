"""The shape of a `summary.json` of a training for use. It is checked when a file is read, so that nothing else need be."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nasbench.errors import first_fault

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Stored(BaseModel):
    model_config = ConfigDict(strict=True)


class _Trained(_Stored):
    images: Count


class _Validated(_Trained):
    accuracy: Share


class _Tested(_Validated):
    low: Share
    high: Share


class _Summary(_Stored):
    """What is read of it; further entries are allowed."""

    network: str
    data: str
    recipe: str
    epochs: Count
    input: list[int]
    train: _Trained
    validation: _Validated | None
    test: _Tested | None


_SHAPE = TypeAdapter(_Summary)


def checked_summary(data: Any) -> dict[str, Any]:
    """The same data, if it is a summary.

    Raises:
        ValueError: it is not. The message names the first entry that is wrong.
    """
    try:
        _SHAPE.validate_python(data)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None
    return dict(data)

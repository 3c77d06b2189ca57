"""Trials as lines of text: the file `trials.jsonl` of a copied study."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nasbench.errors import StudyError
from nasbench.study.database.optuna_rows import UNREADABLE
from nasbench.study.trial import Trial

_SHAPE = TypeAdapter(Trial)


def read_lines(path: Path) -> list[Trial]:
    """The trials of a copy.

    Raises:
        StudyError: the file is damaged or cannot be read.
    """
    try:
        return [_from_json(json.loads(line)) for line in path.read_text().splitlines()]
    except (OSError, *UNREADABLE) as error:
        raise StudyError(f"a copied study has its trials in {path}; it cannot be read ({error}); copy the study once more") from None


def line_of(trial: Trial) -> str:
    """A trial as a line. Empty fields are left out, so that it is short."""
    line = {name: value for name, value in asdict(trial).items() if value not in (None, {}, "", ())}
    return json.dumps(line | {name: value.isoformat() for name, value in line.items() if isinstance(value, datetime)}) + "\n"


def _from_json(line: dict[str, Any]) -> Trial:
    unknown = line.keys() - {f.name for f in fields(Trial)}
    if unknown:
        raise ValueError(f"unknown field {min(unknown)}")
    values = dict(line)
    for name in ("started", "finished"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    if "values" in values:
        values["values"] = tuple(values["values"])
    try:
        return _SHAPE.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from None

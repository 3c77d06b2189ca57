"""All errors that a user can cause.

Each message states the rule, then the values, then what to do. The command line prints it as one line.
"""

from __future__ import annotations

import difflib
import traceback
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


class NasbenchError(ValueError):
    """A mistake in the input, not in the program.

    Attributes:
        ends_process: whether a command that fails with it ends its process at once, because a library would wait for ever at exit.
    """

    ends_process = False


class UnitError(NasbenchError):
    """A quantity such as `20ms` that cannot be read."""


class GenotypeError(NasbenchError):
    """An impossible network: an unknown block type or field, or shapes that do not fit together."""


class PluginError(GenotypeError):
    """A plugin that cannot be loaded."""


class SpaceError(NasbenchError):
    """A search space that cannot be read, or a genotype outside it."""


class LimitError(NasbenchError):
    """A limit that no network of the space can meet."""


class WeightsError(NasbenchError):
    """A state dict that does not fit the network."""


class NasbenchWarning(UserWarning):
    """What a user should know although the work goes on. Commands print it as one line."""


class WeightsWarning(NasbenchWarning):
    """Weights that were loaded, with something to know about them: NaN among them, or behaviour that they do not hold."""


class DataError(NasbenchError):
    """Images that are missing or cannot be read."""


class DeviceError(NasbenchError):
    """A device that does not exist here, or cannot be measured reliably."""


class BusyError(DeviceError):
    """Other work keeps this machine busy, so that nothing can be measured now."""


class StudyError(NasbenchError):
    """A study directory that does not allow what the user wants to do with it."""


class StudyWarning(NasbenchWarning):
    """Part of a study is lost or damaged. The message says what, and whether anything is missing."""


class IgnoredFileWarning(NasbenchWarning, RuntimeWarning):
    """A file is damaged or of something else, and nothing needs it: what it held is computed again."""


class ClusterLostError(StudyError):
    """The Ray cluster of a search has died."""

    ends_process = True


def __getattr__(name: str) -> Any:
    """`BudgetError` was the name of `LimitError` until version 0.1; it works for one more release."""
    if name != "BudgetError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn("nasbench.errors.BudgetError is now LimitError; use the new name", DeprecationWarning, stacklevel=2)
    return LimitError


def short(value: object, limit: int = 100) -> str:
    """`repr(value)`, cut after `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def nearest(name: object, known: Iterable[str], limit: int = 3) -> str:
    """`; did you mean a or b?` for the names closest to `name`, or an empty string.

    Example:
        >>> nearest("resnet5", ["resnet50", "vgg16"])
        '; did you mean resnet50?'
        >>> nearest("m", ["k", "M", "G"])
        '; did you mean M?'
    """
    text, names = str(name)[:100], list(known)
    same = [each for each in names if str(each).casefold() == text.casefold()]
    names = same[:limit] or difflib.get_close_matches(text, names, n=limit, cutoff=0.5)
    return f"; did you mean {' or '.join(names)}?" if names else ""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class if it has no message."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def one_line(error: BaseException) -> str:
    """The class and the message of an error, such as `ZeroDivisionError: division by zero`, at most 300 characters of it."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def first_fault(error: ValidationError) -> str:
    """Where data first differ from their shape, and how: `winner is 3; input should be a valid boolean`."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"])) or "it"
    return f"{place} is {short(first['input'], 60)}; {first['msg'].lower()}"


def place_in(path: str, error: BaseException) -> str:
    """The innermost line of the file at `path` that led to the error, such as `my_blocks.py:14`; `path` alone if no line of it did."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    return f"{path}:{lines[-1]}" if lines else path

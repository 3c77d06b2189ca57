"""Every error a user can cause. Each message gives the rule, then the values, then what to do; the command line prints it as one line."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable


class NasbenchError(ValueError):
    """A mistake in what was asked, not in the program."""


class UnitError(NasbenchError):
    """A quantity such as `20ms` that cannot be read."""


class GenotypeError(NasbenchError):
    """A network that cannot be: an unknown word or field, or shapes that do not meet."""


class PluginError(GenotypeError):
    """A file of the user's own blocks that cannot be loaded."""


class SpaceError(NasbenchError):
    """A space that cannot be read, or a genotype outside it."""


class LimitError(NasbenchError):
    """A limit that no network of the space can meet."""


class WeightsError(NasbenchError):
    """A state dict that does not fit the network."""


class DataError(NasbenchError):
    """Images that cannot be found or read."""


class DeviceError(NasbenchError):
    """A device that is not there, or cannot be measured well enough."""


class StudyError(NasbenchError):
    """A study directory that cannot be used as asked."""


def short(value: object, limit: int = 100) -> str:
    """`repr(value)`, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def nearest(name: object, known: Iterable[str], limit: int = 3) -> str:
    """`; did you mean a, b?` for the names closest to `name`, or an empty string."""
    found = difflib.get_close_matches(str(name)[:100], list(known), n=limit, cutoff=0.5)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def one_line(error: BaseException) -> str:
    """`ZeroDivisionError: division by zero`."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place_in(path: str, error: BaseException) -> str:
    """`my_blocks.py:14`: the innermost line of the file at `path` that led to the error; the file alone if none did."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    return f"{path}:{lines[-1]}" if lines else path

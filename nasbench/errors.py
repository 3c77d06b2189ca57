"""Every error a user can cause. Each message gives the rule, then the values, then what to do; the command line prints it as one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NasbenchError(ValueError):
    """A mistake in what was asked, not in the program."""


class UnitError(NasbenchError):
    """A quantity such as `20ms` that cannot be read."""


class GenotypeError(NasbenchError):
    """A network that cannot be: an unknown word or field, or shapes that do not meet."""


class SpaceError(NasbenchError):
    """A space that cannot be read, or a genotype outside it."""


class BudgetError(NasbenchError):
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

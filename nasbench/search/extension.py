"""A study that continues with more trials or more time after it was finished: what may change, and what is kept of its earlier end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.genotype.units import show_duration
from nasbench.search.final.finalists import Finalist, load_finalists

FINALISTS_FILE, SUMMARY_FILE, VERDICT_FILE = "finalists.json", "summary.json", "verdict.json"


def extend(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Prepare a study for another command: if it asks for more, the phases continue, and a new final round follows.

    The finalists, results and verdict of the earlier final round are kept as `finalists-1.json`, `summary-1.json` and `verdict-1.json`.

    Raises:
        StudyError: the command asks for less than the study has.
    """
    if not extends(before, now):
        return
    number = _rounds(path) + 1
    for name in (VERDICT_FILE, SUMMARY_FILE, FINALISTS_FILE):  # in this order: while the finalists are there, the study is not extended
        file = path / name
        if file.exists():
            file.rename(_kept(file, number))


def extends(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a command asks for more trials or more time than the stored one.

    Example:
        >>> extends({"trials": 30, "time_s": 480.0}, {"trials": 50, "time_s": 480.0})
        True

    Raises:
        StudyError: it asks for fewer trials, or for no number of trials and not for more time.
    """
    trials, wanted = before.get("trials"), now.get("trials")
    longer = float(now["time_s"]) > float(before["time_s"])
    if trials == wanted:
        return wanted is None and longer
    if wanted is None and not longer:
        raise StudyError(
            f"a study can be extended by more trials or more time; it has --trials {trials} and --time {show_duration(before['time_s'])}; "
            f"give --trials {trials} to continue it as it is, or a longer --time without --trials"
        )
    if wanted is not None and trials is not None and wanted < trials:
        raise StudyError(f"a study can be extended, not cut; it has --trials {trials}; give at least {trials}, or choose another --name")
    return True


def earlier_finalists(path: Path) -> list[Finalist]:
    """The finalists of the latest final round before the study was extended, which are trained already; empty if there was none.

    Raises:
        StudyError: the file is damaged.
    """
    number = _rounds(path)
    return (load_finalists(_kept(path / FINALISTS_FILE, number)) or []) if number else []


def _rounds(path: Path) -> int:
    """The number of final rounds that an extension has followed."""
    number = 0
    while _kept(path / FINALISTS_FILE, number + 1).exists():
        number += 1
    return number


def _kept(file: Path, number: int) -> Path:
    """`finalists-1.json` for `finalists.json`."""
    return file.with_name(f"{file.stem}-{number}{file.suffix}")

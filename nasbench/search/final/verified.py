"""A network that was delivered unverified and measured afterwards: its study keeps that measurement."""

from __future__ import annotations

import json
from pathlib import Path

from nasbench.errors import StudyError
from nasbench.files import MALFORMED, read_json, write_atomic
from nasbench.latency import load_profile
from nasbench.latency.contract import keeps_limit
from nasbench.latency.verify import Verification
from nasbench.search.extension import SUMMARY_FILE
from nasbench.search.final.winner import WINNER
from nasbench.study.directory import LOCK_FILE, PROFILE_FILE, STUDY_FILE
from nasbench.study.driver_lock import DriverLock
from nasbench.study.measurements import MEASUREMENTS_FILE, Measured, Measurements


def study_of_card(card: Path) -> Path | None:
    """The study whose `best/card.json` this is; None for a card that was copied elsewhere."""
    study = card.resolve().parents[1]
    return study if card.parent.name == "best" and (study / STUDY_FILE).is_file() and (study / SUMMARY_FILE).is_file() else None


def store_verification(study: Path, verification: Verification) -> None:
    """Store the first measurement of a delivered network in its study.

    The search would otherwise measure it again when the same command is given, and on a busy machine deliver it unverified once more.
    `summary.json` names it as the winner if it keeps the limit.

    Raises:
        StudyError: a driver runs the study, which then measures by itself; or a file of the study is damaged or cannot be written.
        DeviceError: its profile is damaged.
    """
    card, now = verification.card, verification.now
    if card.predicted is None:  # a search predicts whatever it delivers
        return
    lock = DriverLock(study / LOCK_FILE)
    lock.acquire()
    try:
        measurements = Measurements(study / MEASUREMENTS_FILE, load_profile(study / PROFILE_FILE).speed_ms)
        measurements.add([Measured(WINNER, card.digest, card.predicted.ms, now, card.weights)])
        found = measurements.at_speed(now)
        try:
            rows = read_json(study / SUMMARY_FILE)
            for row in rows:
                if row["digest"] == card.digest and row.pop("unverified", False):
                    row |= {"winner": keeps_limit(found, card.limit_ms), "measured": True, "noisy": found.noisy}
                    row |= {"latency_ms": found.median_ms, "latency_low_ms": found.low_ms, "latency_high_ms": found.high_ms}
            write_atomic(study / SUMMARY_FILE, json.dumps(rows, indent=1) + "\n")
        except (OSError, *MALFORMED) as error:
            raise StudyError(f"a study keeps its results in {study / SUMMARY_FILE}; it cannot be changed ({error})") from error
    finally:
        lock.release()

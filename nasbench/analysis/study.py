"""A study as DataFrames, whether or not it still runs."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from nasbench.analysis.front import pareto_front
from nasbench.analysis.rungs import Spent, spent
from nasbench.files import write_atomic
from nasbench.latency import Device
from nasbench.search.folder import StudyFolder
from nasbench.search.ledger import Ledger
from nasbench.search.records import Trial

_NESTED = ("params", "constraints", "more", "genotype", "rungs")
SHOWN = ("phase", "number", "status", "accuracy", "latency_ms", "macs", "params_count", "reward", "seconds", "reason")


class Study:
    """A study directory to read.

    Attributes:
        path: of the directory.
        command: what was asked.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self.path = folder.path
        self.command = folder.command

    @property
    def driver(self) -> dict[str, object] | None:
        """Who works on it now (pid, host, start), or None."""
        return self._folder.driver

    def records(self, phase: str | None = None) -> list[Trial]:
        """Trials as records; empty before the first."""
        if not self._folder.ledger.exists():
            return []
        with Ledger.open(self._folder, write=False) as ledger:
            return ledger.records(phase)

    def trials(self, phase: str | None = None) -> pd.DataFrame:
        """One row per trial: phase, number, status, accuracy, latency_ms, macs, params_count, reward, seconds and more.

        Latencies are predicted; measured where the prediction was too near the limit to tell.
        """
        names = [f.name for f in fields(Trial) if f.name not in _NESTED]
        rows = [{name: getattr(t, name) for name in names} | {"genotype": t.genotype} for t in self.records(phase)]
        return pd.DataFrame(rows, columns=[*names, "genotype"])

    def front(self) -> pd.DataFrame:
        """The search's trials that none of them beats in accuracy and latency; those that were trained to their end."""
        df = self.trials("search")
        inside = df[(df["status"] == "ok") & df["accuracy"].notna() & df["latency_ms"].notna()]
        return pareto_front(inside, minimize=["latency_ms"], maximize=["accuracy"])

    def spent(self) -> dict[str, Spent]:
        """How far each arm trained its networks, and for how many epochs; empty without successive halving."""
        rungs = self.command.get("rungs")
        return {phase: spent(self.records(phase), rungs) for phase in ("search", "random")} if rungs else {}

    def summary(self) -> list[dict[str, Any]]:
        """The table of the last round: winner, rivals and known networks; empty until it was held."""
        return self._json("summary.json") or []

    def plan(self) -> dict[str, Any]:
        """What was planned; empty before."""
        return self._json("plan.json") or {}

    @property
    def device(self) -> str:
        """What latencies were predicted for and measured on, in words; empty before."""
        found = self._json("profile.json")
        return str(Device.from_json(found["device"])) if found else ""

    def write_front(self) -> Path:
        """Write `front.csv`."""
        path = self.path / "front.csv"
        write_atomic(path, self.front()[list(SHOWN[:-1])].to_csv(index=False))
        return path

    def _json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return None


def open_study(path: str | Path) -> Study:
    """The study at `path`.

    Raises:
        StudyError: there is none, or it is damaged.
    """
    return Study(StudyFolder.open(path))

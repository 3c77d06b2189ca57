"""A study as DataFrames, whether it is young, running, killed or finished. Nothing here writes to its ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from nasbench.analysis.fronts.front import pareto_front
from nasbench.analysis.fronts.hypervolume import Hypervolume, hypervolume, usable
from nasbench.analysis.rungs import Spent, spent
from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.latency import Predictor, Profile, load_profile
from nasbench.latency.device import device_words
from nasbench.latency.predicting.profile import MEASURED_ALIKE
from nasbench.study.directory import PROFILE_FILE, StudyDirectory
from nasbench.study.snapshot import stored_trials
from nasbench.study.trial import Trial

_NESTED = ("params", "constraints", "more", "genotype", "rungs")
# Columns of every frame of trials, also where no trial has them; other numbers that a trial told come after them.
FIGURES = ("latency_low_ms", "latency_high_ms", "predicted_ms", "measured_ms", "peak_bytes", "size_bytes", "epochs", "test_accuracy")
_NUMBERS = ("accuracy", "latency_ms", "reward", "seconds", *(n for n in FIGURES if n.endswith(("_ms", "accuracy"))))
_COUNTS = ("macs", "params_count", "duplicate_of", "parent", "peak_bytes", "size_bytes", "epochs")
SHOWN = ("phase", "number", "status", "accuracy", "latency_ms", "macs", "params_count", "reward", "seconds", "reason")


class Study:
    """A study directory to read.

    Attributes:
        path: of the directory; name: its last part.
        command: what was asked.
        about: all of `study.yaml`: versions, revision, host, when it began.
    """

    def __init__(self, folder: StudyDirectory) -> None:
        self._folder = folder
        self.path = folder.path
        self.command = folder.command
        self.about = folder.study
        self.name = folder.path.resolve().name

    @property
    def driver(self) -> dict[str, object] | None:
        """Who works on it now (pid, host, start), or None."""
        return self._folder.driver

    @property
    def limit_ms(self) -> float | None:
        """The latency limit, or None."""
        return self.command.get("latency_ms")

    def records(self, phase: str | None = None) -> list[Trial]:
        """Trials as records; empty before the first."""
        return stored_trials(self._folder, phase)

    def trials(self, phase: str | None = None) -> pd.DataFrame:
        """One row per trial of the phases `search`, `random` and `final`, or of one.

        Columns: phase, number, status, digest, accuracy, latency_ms, macs, params_count, reward, seconds, reason and more, units in
        their names; then one for each question of the space, such as `resolution` or `stages.1.0.width`, with the answer: `null` where
        that is none, missing where a trial was not asked. `genotype` (YAML) is the last. Latencies are predicted; measured where the
        prediction was too near the limit to tell (then `predicted_ms` and `measured_ms` are both there), each with its interval.
        """
        records = self.records(phase)
        figures, asked = _columns(records)
        answers = [{column: _answer(t.params[label]) for column, label in asked.items() if label in t.params} for t in records]
        return pd.concat(
            [
                pd.DataFrame([[getattr(t, n, t.more.get(n)) for n in figures] for t in records], columns=figures).astype(
                    {**dict.fromkeys(_NUMBERS, "float64"), **dict.fromkeys(_COUNTS, "Int64")}
                ),
                pd.DataFrame(answers, columns=list(asked)).convert_dtypes(),
                pd.DataFrame({"genotype": [t.genotype for t in records]}, dtype="str"),
            ],
            axis=1,
        )

    def fields(self) -> list[str]:
        """The columns of `trials` that are answers to the space's questions, in the order in which they were first asked."""
        return list(_columns(self.records())[1])

    def front(
        self, *, minimize: Sequence[str] = ("latency_ms",), maximize: Sequence[str] = ("accuracy",), phase: str = "search"
    ) -> pd.DataFrame:
        """The phase's trained trials within every limit that none of them beats, by default in accuracy and latency.

        Raises:
            NasbenchError: a column that the trials have not.
        """
        return pareto_front(usable(self.trials(phase)), minimize=minimize, maximize=maximize)

    def best(self) -> pd.Series | None:
        """The trial that was handed over, or, before, the search's with the best reward so far; None before the first.

        `accuracy` is that of one short training. Once the last round was held, `final_accuracy` (mean of fresh seeds) and `measured_ms`
        say what was promised, and `winner` is True; a study that ended without a winner has its best trial with False.
        """
        won = next((r for r in self.summary() if r.get("winner")), None)
        df = usable(self.trials(won["network"].split()[0] if won else "search"))
        if df.empty:
            return None
        mine = df[df["digest"] == won["digest"]] if won else df.iloc[:0]
        by = df["reward"].fillna(df["accuracy"])
        row = (mine.iloc[0] if len(mine) else df.iloc[int(by.to_numpy().argmax())]).copy()
        row["winner"] = bool(len(mine))
        row["final_accuracy"] = won["accuracy"] if won and len(mine) else math.nan
        if won and len(mine) and won.get("measured", True):
            row["measured_ms"] = won["latency_ms"]
        return row

    def hypervolume(self, reference: tuple[float, float] | None = None, phase: str = "search") -> Hypervolume:
        """The area that the front covers, in milliseconds x accuracy.

        `reference` is (latency in ms, accuracy as a share). Without it: the study's latency limit, or, where it has none, its slowest
        trained network; and accuracy 0. Compare hypervolumes only where both have one reference (`compare_studies` sees to it).
        """
        return hypervolume(self.trials(phase), reference or self.reference())

    def reference(self) -> tuple[float, float]:
        """The point that `hypervolume` measures from where none is given; (NaN, 0) without limit and trials."""
        return (self.limit_ms if self.limit_ms is not None else float(usable(self.trials())["latency_ms"].max()), 0.0)

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
        found = self._json(PROFILE_FILE)
        return device_words(found["device"]) if found else ""

    @property
    def measured_by(self) -> int | None:
        """Version of the measuring process; None before there is a profile. Another's latencies do not compare."""
        found = (self._json(PROFILE_FILE) or {}).get("version")
        return min(found, MEASURED_ALIKE) if isinstance(found, int) else None

    def predictor(self) -> Predictor:
        """Predicts latencies as the study does, from its own profile.

        Raises:
            StudyError: it has no profile yet.
            DeviceError: the profile is damaged.
        """
        path = self.path / PROFILE_FILE
        if not path.exists():
            raise StudyError(f"a study predicts latency from its {PROFILE_FILE}; {self.path} has none yet; wait until it is planned")
        return _fitted(load_profile(path, past=True))

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


@lru_cache(maxsize=2)
def _fitted(profile: Profile) -> Predictor:
    """Fitting takes seconds, and studies of one device often have one profile."""
    return Predictor(profile)


def _is_figure(name: str, value: object) -> bool:
    """A single number or where a network came from; no lists, texts and hashes."""
    return name == "origin" or isinstance(value, int | float)


def _answer(value: Any) -> Any:
    """As YAML writes it, so that an answer of none differs from a question that was not asked."""
    return "null" if value is None else value


def _columns(records: Sequence[Trial]) -> tuple[list[str], dict[str, str]]:
    """Names of figures, and of the space's questions by the name of their column."""
    own = [f.name for f in fields(Trial) if f.name not in _NESTED]
    figures = list(dict.fromkeys([*own, *FIGURES, *(k for t in records for k, v in t.more.items() if _is_figure(k, v))]))
    labels = dict.fromkeys(label for t in records for label in t.params)
    return figures, {f"field.{label}" if label in {*figures, "genotype"} else label: label for label in labels}


def open_study(path: str | Path) -> Study:
    """The study at `path`.

    Raises:
        StudyError: there is none, or it is damaged.
    """
    return Study(StudyDirectory.open(path))

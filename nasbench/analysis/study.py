"""A study as DataFrames, whether it has just begun, runs, was killed or is finished. Nothing here writes to its ledger."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from nasbench.analysis.display import command_text, final_table, phase_lines, to_html
from nasbench.analysis.final_round import final_network
from nasbench.analysis.fronts.front import pareto_front
from nasbench.analysis.fronts.hypervolume import Hypervolume, cost_column, hypervolume, usable
from nasbench.analysis.halving_cost import Spent, spent
from nasbench.analysis.status import StudyState, study_state
from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.latency import Predictor, Profile, load_profile
from nasbench.latency.device import device_words
from nasbench.latency.predicting.profile import MEASURED_ALIKE
from nasbench.study.activity import read_activity
from nasbench.study.directory import FIT_FILE, PROFILE_FILE, StudyDirectory
from nasbench.study.snapshot import stored_trials
from nasbench.study.trial import Trial

_NESTED = ("params", "constraints", "more", "genotype", "rungs")
# Columns of every frame of trials, even where no trial has them. Other numbers in the trials' records come after them.
RESULTS = ("latency_low_ms", "latency_high_ms", "predicted_ms", "measured_ms", "peak_bytes", "size_bytes", "epochs", "test_accuracy")
_NUMBERS = ("accuracy", "latency_ms", "reward", "seconds", *(n for n in RESULTS if n.endswith(("_ms", "accuracy"))))
_COUNTS = ("macs", "params_count", "duplicate_of", "parent", "peak_bytes", "size_bytes", "epochs")
SHOWN = ("phase", "number", "status", "accuracy", "latency_ms", "macs", "params_count", "reward", "seconds", "reason")


class Study:
    """A study directory, open for reading.

    Attributes:
        path: The path of the directory.
        name: The last part of the path.
        command: The options of the study: space, limits, data, recipe, strategy, seed and more.
        about: All of `study.yaml`: the command, versions, revision, host, and when the study began.
    """

    def __init__(self, folder: StudyDirectory) -> None:
        self._folder = folder
        self.path = folder.path
        self.command = folder.command
        self.about = folder.study
        self.name = folder.path.resolve().name

    def __repr__(self) -> str:
        try:
            title, lines = self._shown()
        except StudyError as error:
            return f"Study {self.path}: {error}"
        winner = next((n for n in map(final_network, self.summary()) if n.winner), None)
        lines += [f"winner: {winner.name}, {winner.accuracy:.1%}{winner.at}"] if winner else []
        return "\n  ".join([title, *lines])

    def _repr_html_(self) -> str:
        try:
            title, lines = self._shown()
        except StudyError as error:
            return to_html(f"Study {self.path}", [str(error)])
        picture = self.path / "front.png"
        if picture.exists():
            lines.append(f"picture of the front: {picture}")
        elif "space" in self.command:  # a scaling fit has no front
            lines.append(f"`nasbench front {self.path}` draws the front")
        return to_html(title, lines, final_table(self.summary()))

    def _shown(self) -> tuple[str, list[str]]:
        """The title and the lines that a console and a notebook show."""
        state = self.state()
        device = [f"device: {self.device}"] if self.device else []
        return f"Study {self.path}: {state.progress}", [command_text(self.command), *device, *phase_lines(state)]

    @property
    def driver(self) -> dict[str, object] | None:
        """The process that works on the study now (pid, host, start), or None."""
        return self._folder.driver

    @property
    def limit_ms(self) -> float | None:
        """The latency limit in ms, or None."""
        return self.command.get("latency_ms")

    def records(self, phase: str | None = None) -> list[Trial]:
        """The trials as records, of one phase or of all; empty before the first trial."""
        return stored_trials(self._folder, phase)

    def trials(self, phase: str | None = None) -> pd.DataFrame:
        """One row per trial of the phases `search`, `random` and `final`, or of one of them.

        Columns: phase, number, status, digest, accuracy, latency_ms, macs, params_count, reward, seconds, reason and more, with the unit
        in the name. Then one column for each parameter of the space, such as `resolution` or `stages.1.0.width`: `null` is a value,
        a missing value means that the trial does not have the parameter. `genotype` (YAML) is the last column.

        Latencies are predicted, with an interval. Where the prediction was too close to the limit to decide, the network was measured
        before its training; then both `predicted_ms` and `measured_ms` have a value, and `latency_ms` is the measured one.
        """
        records = self.records(phase)
        results, parameters = _columns(records)
        values = [{column: _written(t.params[name]) for column, name in parameters.items() if name in t.params} for t in records]
        return pd.concat(
            [
                pd.DataFrame([[getattr(t, n, t.more.get(n)) for n in results] for t in records], columns=results).astype(
                    {**dict.fromkeys(_NUMBERS, "float64"), **dict.fromkeys(_COUNTS, "Int64")}
                ),
                pd.DataFrame(values, columns=list(parameters)).convert_dtypes(),
                pd.DataFrame({"genotype": [t.genotype for t in records]}, dtype="str"),
            ],
            axis=1,
        )

    def fields(self) -> list[str]:
        """The columns of `trials` that hold the parameters of the space, in the order in which the trials had them first."""
        return list(_columns(self.records())[1])

    def front(
        self, *, minimize: Sequence[str] | None = None, maximize: Sequence[str] = ("accuracy",), phase: str = "search"
    ) -> pd.DataFrame:
        """The Pareto front of a phase: its trials, trained in full and within every limit, that no other of them dominates.

        Args:
            minimize, maximize: columns of `trials`; default: low latency and high accuracy. Where nothing asked for latencies, few
                multiply-adds (`macs`) take the place of a low latency.
            phase: `search`, `random` or `final`.

        Raises:
            NasbenchError: the trials do not have such a column.
        """
        trials = self.trials(phase)
        return pareto_front(usable(trials), minimize=[cost_column(trials)] if minimize is None else minimize, maximize=maximize)

    def best(self) -> pd.Series | None:
        """The trial of the winner; before the final round, the trial of the search with the best reward so far; None before the first.

        `accuracy` comes from one short training. After the final round, `final_accuracy` (mean over fresh seeds) and `measured_ms` are
        what `best/card.json` states, and `winner` is True. In a study that ended without a winner, `winner` stays False.
        """
        won = next((r for r in self.summary() if r.get("winner")), None)
        df = usable(self.trials(final_network(won).source if won else "search"))
        if df.empty:
            return None
        mine = df[df["digest"] == won["digest"]] if won else df.iloc[:0]
        by = df["reward"].fillna(df["accuracy"])
        row = (mine.iloc[0] if len(mine) else df.iloc[int(by.to_numpy().argmax())]).copy()
        row["winner"] = bool(len(mine))
        row["final_accuracy"] = won["accuracy"] if won and len(mine) else math.nan
        if won and len(mine) and won.get("measured", True) and won["latency_ms"] is not None:
            row["measured_ms"] = won["latency_ms"]
        return row

    def hypervolume(self, reference: tuple[float, float] | None = None, phase: str = "search") -> Hypervolume:
        """The area that the front covers, in milliseconds x accuracy.

        Compare hypervolumes only if they have the same reference point (`compare_studies` ensures this).

        Args:
            reference: the point (latency in ms, accuracy as a share) from which the area is measured; default: `reference()`.
            phase: `search`, `random` or `final`.
        """
        return hypervolume(self.trials(phase), reference or self.reference())

    def reference(self) -> tuple[float, float]:
        """The default reference point of `hypervolume`: the latency limit, or the slowest trained network if there is none; accuracy 0.

        It is (NaN, 0) for a study without a limit and without trials.
        """
        return (self.limit_ms if self.limit_ms is not None else float(usable(self.trials())["latency_ms"].max()), 0.0)

    def spent(self) -> dict[str, Spent]:
        """How far each phase trained its networks, and in how many epochs; empty without successive halving."""
        rungs = self.command.get("rungs")
        return {phase: spent(self.records(phase), rungs) for phase in ("search", "random")} if rungs else {}

    def summary(self) -> list[dict[str, Any]]:
        """The results of the final round: winner, other finalists and known networks, best first; empty before the final round."""
        return self._json("summary.json") or []

    def state(self, now: float | None = None) -> StudyState:
        """How far the study is: counts of trials, the best so far, pace and time left.

        Args:
            now: seconds since the epoch; default: the current time.
        """
        finished = bool(self.summary()) or (self.path / FIT_FILE).exists()
        return study_state(self.records(), self.command, self.plan(), self.driver, finished, now, read_activity(self.path))

    def plan(self) -> dict[str, Any]:
        """The plan of the study; empty before it was made."""
        return self._json("plan.json") or {}

    @property
    def device(self) -> str:
        """The device of all latencies, in words; empty before it was profiled."""
        profile = self._json(PROFILE_FILE)
        return device_words(profile["device"]) if profile else ""

    @property
    def measured_by(self) -> int | None:
        """Version of the measuring process; None before there is a profile. Latencies of different versions cannot be compared."""
        version = (self._json(PROFILE_FILE) or {}).get("version")
        return min(version, MEASURED_ALIKE) if isinstance(version, int) else None

    def predictor(self) -> Predictor:
        """The latency predictor of the study, from its own profile.

        Raises:
            StudyError: the study has no profile yet.
            DeviceError: the profile is damaged.
        """
        path = self.path / PROFILE_FILE
        if not path.exists():
            raise StudyError(
                f"a study predicts latency from its {PROFILE_FILE}; {self.path} has none; wait until the plan is made, or search with "
                "--latency or --measure, which ask for latencies"
            )
        return _fitted(load_profile(path, past=True))

    def write_front(self) -> Path:
        """Write `front.csv` into the study directory."""
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


def _is_result(name: str, value: object) -> bool:
    """Whether it is a column: single numbers and the origin of a network are, lists and texts are not."""
    return name == "origin" or isinstance(value, int | float)


def _written(value: Any) -> Any:
    """A parameter's value as YAML writes it, so that `null` differs from a parameter that the trial does not have."""
    return "null" if value is None else value


def _columns(records: Sequence[Trial]) -> tuple[list[str], dict[str, str]]:
    """The columns of results, and the space's parameters by the name of their column."""
    own = [f.name for f in fields(Trial) if f.name not in _NESTED]
    results = list(dict.fromkeys([*own, *RESULTS, *(k for t in records for k, v in t.more.items() if _is_result(k, v))]))
    names = dict.fromkeys(name for t in records for name in t.params)
    return results, {f"field.{name}" if name in {*results, "genotype"} else name: name for name in names}


def open_study(path: str | Path) -> Study:
    """Open the study in the folder `path` for reading. The study may have just begun, run, been killed or be finished.

    Raises:
        StudyError: there is no study in the folder, or it is damaged.

    >>> study = open_study("studies/data/mbconv-20ms")
    >>> study
    Study studies/data/mbconv-20ms: finished
      mbconv on embedded, limit: latency 20 ms, evolution, seed 0
      device: Intel(R) Xeon(R) Processor, eager, 2 threads, batch 1, fp32
      search: 18 ok, 1 skipped; best 79.6% at 13.1 ms (search 13)
      random: 21 ok, 2 over_budget, 1 skipped; best 80.4% at 9.4 ms (random 22)
      final: 12 ok
      winner: search 13, 79.7% at 13.3 ms
    >>> study.front()[["number", "accuracy", "latency_ms"]].round(3).tail(2)
        number  accuracy  latency_ms
    18      18     0.787      13.034
    13      13     0.796      13.097
    """
    return Study(StudyDirectory.open(path))

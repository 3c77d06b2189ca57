"""A study as DataFrames, whether it has just begun, runs, was killed or is finished. Nothing here writes to its ledger."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import TypeAdapter

from nasbench.analysis.display import command_text, final_table, history_lines, phase_lines, to_html, winner_lines
from nasbench.analysis.final_round import final_network
from nasbench.analysis.fronts.front import pareto_front
from nasbench.analysis.fronts.hypervolume import Hypervolume, comparable, cost_column, hypervolume, usable
from nasbench.analysis.halving_cost import Spent, spent
from nasbench.analysis.status import StudyState, study_state
from nasbench.analysis.trial_frame import columns, trial_frame
from nasbench.errors import StudyError, StudyWarning, first_line, one_line
from nasbench.evaluate.measure import measured_by
from nasbench.export.trained import Trained
from nasbench.files import MALFORMED, write_atomic
from nasbench.latency import Predictor, load_profile
from nasbench.latency.device import device_words
from nasbench.latency.predicting.predict import fitted_predictor
from nasbench.latency.predicting.profile import MEASURED_ALIKE
from nasbench.study.activity import read_activity
from nasbench.study.delivery import Delivery
from nasbench.study.directory import FIT_FILE, PROFILE_FILE, StudyDirectory
from nasbench.study.reader import TrialReader
from nasbench.study.stored import PLAN, VERDICT, check_stored, summary_shape
from nasbench.study.trial import FINAL, Trial

if TYPE_CHECKING:
    from nasbench.search.pick import Pick

SHOWN = ("phase", "number", "status", "accuracy", "latency_ms", "macs", "params_count", "reward", "seconds", "reason")


class Study:
    """A study directory, open for reading.

    Attributes:
        path, name: The path of the directory, and its last part.
        command: The options of the study: space, limits, data, recipe, strategy, seed and more.
        about: All of `study.yaml`: the command, versions, revision, host, and when the study began.
    """

    def __init__(self, folder: StudyDirectory) -> None:
        self._folder = folder
        self.path = folder.path
        self.command = folder.command
        self.about = folder.study
        self.name = folder.path.resolve().name
        self._reader = TrialReader(folder)
        self._frames: dict[str | None, pd.DataFrame] = {}
        self._frames_version = 0
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        try:
            title, lines = self._shown()
        except StudyError as error:
            return f"Study {self.path}: {error}"
        return "\n  ".join([title, *lines, *winner_lines(self.summary(), self.records())])

    def _repr_html_(self) -> str:
        try:
            title, lines = self._shown()
        except StudyError as error:
            return to_html(f"Study {self.path}", [str(error)])
        if (picture := self.path / "front.png").exists():
            lines.append(f"picture of the front: {picture}")
        elif "space" in self.command:  # a scaling fit has no front
            lines.append(f"`nasbench front {self.path}` draws the front")
        return to_html(title, lines, final_table(self.summary(), self.measure))

    def _shown(self) -> tuple[str, list[str]]:
        """The title and the lines that a console and a notebook show."""
        state = self.state()
        device = [f"device: {self.device}"] if self.device else []
        history = history_lines(self._folder.history)
        lines = [command_text(self.command), *history, *self.data_lines, *device, *phase_lines(state), *self.problems]
        return f"Study {self.path}: {state.progress}", lines

    @property
    def problems(self) -> list[str]:
        """What is damaged in the study, in words; empty if nothing is.

        Raises:
            StudyError: see `records`.
        """
        self._reader.trials()
        return list(self._reader.problems)

    @property
    def driver(self) -> dict[str, object] | None:
        """The process that works on the study now (pid, host, start), or None."""
        return self._folder.driver

    @property
    def limit_ms(self) -> float | None:
        """The latency limit in ms, or None."""
        return self.command.get("latency_ms")

    @property
    def measure(self) -> str:
        """What the column `accuracy` holds: `accuracy`, a share, or the name of a score, see docs/evaluators.md."""
        return measured_by(t for t in self.records() if t.phase != FINAL)

    @property
    def final_measure(self) -> str:
        """The same for the networks of the final round, which a search with shared weights trains alone."""
        return measured_by(self.records(FINAL))

    @property
    def data_lines(self) -> list[str]:
        """What was understood of the images, in words; empty for studies of earlier versions."""
        data = self.about.get("data")
        return [str(line) for line in data.get("lines", ())] if isinstance(data, dict) else []

    def records(self, phase: str | None = None) -> list[Trial]:
        """The trials as records, of one phase or of all; empty before the first trial.

        They are read once. After that only what changed is read.

        Raises:
            StudyError: the ledger is damaged, and no other file tells what it held.
        """
        records = self._reader.trials(phase)
        for problem in self._reader.problems:
            if problem not in self._warned:
                self._warned.add(problem)
                warnings.warn(problem, StudyWarning, stacklevel=2)
        return records

    def trials(self, phase: str | None = None) -> pd.DataFrame:
        """One row per trial of the phases `search`, `random` and `final`, or of one of them.

        Columns: phase, number, status, digest, accuracy, latency_ms, macs, params_count, reward, seconds, reason and more, with the unit
        in the name. Then one column for each parameter of the space, such as `resolution` or `stages.1.0.width`: `null` is a value,
        a missing value means that the trial does not have the parameter. `genotype` (YAML) is the last column.

        Latencies are predicted, with an interval. Where the prediction was too close to the limit to decide, the network was measured
        before its training; then both `predicted_ms` and `measured_ms` have a value, and `latency_ms` is the measured one.
        """
        records = self.records(phase)
        if self._frames_version != self._reader.version:
            self._frames, self._frames_version = {}, self._reader.version
        if phase not in self._frames:
            self._frames[phase] = trial_frame(records)
        return self._frames[phase].copy()

    def fields(self) -> list[str]:
        """The columns of `trials` that hold the parameters of the space, in the order in which the trials had them first."""
        return list(columns(self.records())[1])

    def front(
        self, *, minimize: Sequence[str] | None = None, maximize: Sequence[str] = ("accuracy",), phase: str | None = None
    ) -> pd.DataFrame:
        """The Pareto front of the study: the trials, trained in full and within every limit, that no other of them dominates.

        Args:
            minimize, maximize: columns of `trials`; default: low latency and high accuracy. Where nothing asked for latencies, few
                multiply-adds (`macs`) take the place of a low latency.
            phase: only trials of `search`, `random` or `final`. By default those of search and random search count alike, because they
                were evaluated alike; the column `phase` says which found a network.

        Raises:
            NasbenchError: the trials do not have such a column.
        """
        trials = comparable(self.trials(phase), phase)
        return pareto_front(trials, minimize=[cost_column(trials)] if minimize is None else minimize, maximize=maximize)

    def best(self) -> pd.Series | None:
        """The trial of the winner; before the final round, the trial with the best reward so far; None before the first.

        `accuracy` comes from one short training. After the final round, `final_accuracy` (mean over fresh seeds) and `measured_ms` are
        what `best/card.json` states, and `winner` is True. In a study that ended without a winner, `winner` stays False.
        """
        won = next((r for r in self.summary() if r.get("winner")), None)
        df = comparable(self.trials(), final_network(won).source if won else None)
        if df.empty:
            return None
        mine = df[df["digest"] == won["digest"]] if won else df.iloc[:0]
        row = (mine.iloc[0] if len(mine) else df.iloc[int(df["reward"].fillna(df["accuracy"]).to_numpy().argmax())]).copy()
        row["winner"] = bool(len(mine))
        row["final_accuracy"] = won["accuracy"] if won and len(mine) else math.nan
        if won and len(mine) and won.get("measured", True) and won["latency_ms"] is not None:
            row["measured_ms"] = won["latency_ms"]
        return row

    def hypervolume(self, reference: tuple[float, float] | None = None, phase: str | None = None) -> Hypervolume:
        """The area that the front covers, in milliseconds x accuracy.

        Compare hypervolumes only if they have the same reference point (`compare_studies` ensures this).

        Args:
            reference: the point (latency in ms, accuracy as a share) from which the area is measured; default: `reference()`.
            phase: see `front`.
        """
        return hypervolume(comparable(self.trials(phase), phase), reference or self.reference())

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
        rows: list[dict[str, Any]] = self._checked("summary.json", summary_shape(self.command)) or []
        return rows

    def verdict(self) -> dict[str, Any]:
        """What the search was worth: the fields of `nasbench.search.final.verdict.SearchVerdict`; empty before the final round."""
        found: dict[str, Any] = self._checked("verdict.json", VERDICT) or {}
        return found

    def delivered(self) -> dict[str, Any]:
        """How the winner was trained for use, as `nasbench train` says it; empty where it was not."""
        found = Delivery.read(self.path)
        return {} if found is None else dict(found.summary or {})

    def trained(self) -> Trained:
        """The winner with its weights: `.network()`, `.predict(["photo.jpg"])`, `.test_accuracy`.

        Raises:
            NasbenchError: the study has no winner yet.
        """
        return Trained.read(self.path)

    def pick(
        self,
        *,
        latency: str | None = None,
        macs: str | None = None,
        params: str | None = None,
        memory: str | None = None,
        size: str | None = None,
        train_time: str | None = None,
        out: str | Path | None = None,
        progress: bool = True,
    ) -> Pick:
        """Another network for another limit, as `nasbench pick` does: chosen from the trials, measured, and trained for use.

        Args:
            latency, macs, params, memory, size: the limits, such as `latency="8ms"`; one at least.
            train_time: time for its training, such as `"2min"`, or `none`; by default as long as the winner of the study has.
            out: its folder; by default one in the folder `picks` of the study, named by the limits.

        Returns:
            The pick: `.result` is None where no network of the study keeps the limits, `.path` its folder, `.trained()` the network.

        Raises:
            NasbenchError: a limit that cannot be, or a study without trials.

        >>> import shutil
        >>> _ = shutil.copytree("studies/data/mbconv-20ms", "mine")
        >>> pick = open_study("mine").pick(macs="100M", progress=False)
        >>> pick.result.finalist.origin, pick.result.finalist.macs < 100e6, pick.inside, pick.evaluated
        ('search 2', True, 9, 35)
        """
        from nasbench.analysis.picking import run_pick
        from nasbench.progress import Reporter
        from nasbench.search.options import read_limits, read_train_time

        limits = read_limits(latency, macs, params, memory, size)
        with Reporter(quiet=not progress) as reporter:
            return run_pick(self.path, limits, None if out is None else Path(out), read_train_time(train_time), reporter)

    def _checked(self, name: str, shape: TypeAdapter[Any], advice: str = "delete it; `nasbench resume` writes it again") -> Any:
        """The content of a file of the study, in the shape that it should have; None where there is no file."""
        content = self._json(name)
        return None if content is None else check_stored(shape, content, self.path / name, advice)

    def state(self, now: float | None = None) -> StudyState:
        """How far the study is: counts of trials, the best so far, pace and time left.

        Args:
            now: seconds since the epoch; default: the current time.
        """
        finished = bool(self.summary()) or (self.path / FIT_FILE).exists()
        return study_state(self.records(), self.command, self.plan(), self.driver, finished, now, read_activity(self.path))

    def plan(self) -> dict[str, Any]:
        """The plan of the study; empty before it was made."""
        plan: dict[str, Any] = self._checked("plan.json", PLAN, "restore it from a copy") or {}
        return plan

    @property
    def device(self) -> str:
        """The device of all latencies, in words; empty before it was profiled."""
        profile = self._json(PROFILE_FILE)
        try:
            return device_words(profile["device"]) if profile else ""
        except MALFORMED as error:
            raise StudyError(f"{self.path / PROFILE_FILE} does not describe a device ({one_line(error)}); restore it from a copy") from None

    @property
    def measured_by(self) -> int | None:
        """Version of the measuring process; None before there is a profile. Latencies of different versions cannot be compared."""
        profile = self._json(PROFILE_FILE)
        version = profile.get("version") if isinstance(profile, dict) else None
        return min(version, MEASURED_ALIKE) if isinstance(version, int) else None

    def predictor(self) -> Predictor:
        """The latency predictor of the study, from its own profile.

        Raises:
            StudyError: the study has no profile yet.
            DeviceError: the profile is damaged.
        """
        if not (path := self.path / PROFILE_FILE).exists():
            raise StudyError(
                f"a study predicts latency from its {PROFILE_FILE}; {self.path} has none; wait until the plan is made, or search with "
                "--latency or --measure, which ask for latencies"
            )
        return fitted_predictor(load_profile(path, past=True))

    def write_front(self) -> Path:
        """Write `front.csv` into the study directory."""
        path = self.path / "front.csv"
        write_atomic(path, self.front()[list(SHOWN[:-1])].to_csv(index=False))
        return path

    def _json(self, name: str) -> Any:
        """The content of a file; None if there is none.

        Raises:
            StudyError: it cannot be read.
        """
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise StudyError(f"{self.path / name} cannot be read ({first_line(error)}); restore it from a copy") from None


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
    >>> study.front()[["phase", "number", "accuracy", "latency_ms"]].round(3).tail(2)
         phase  number  accuracy  latency_ms
    21  random       2     0.790       7.817
    41  random      22     0.804       9.370
    """
    return Study(StudyDirectory.open(path))

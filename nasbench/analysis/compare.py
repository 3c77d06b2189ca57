"""Several studies in one frame where they may be compared, and the reason where they may not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nasbench.analysis.display import to_html
from nasbench.analysis.fronts.hypervolume import Hypervolume, comparable, cost_column, hypervolume, usable
from nasbench.analysis.study import Study, open_study
from nasbench.errors import StudyError
from nasbench.evaluate.measure import ACCURACY

# Keys of a study's command that must be equal, and the metric that would otherwise mean different things.
_MUST_AGREE = {"device": "latencies", "images": "accuracies", "recipe": "accuracies"}


class Comparison:
    """Studies of one device, data and recipe, side by side.

    Attributes:
        studies: The studies by name. Where two folders have one name, both are called `PARENT/NAME`.
        differences: Sentences that say why metrics cannot be compared; empty unless differences were allowed.
        notes: Other differences between the studies, which may explain a result.
        reference: The point (latency in ms, accuracy) from which all hypervolumes are measured: the largest latency limit, or the slowest
            trained network where no study has a limit; the accuracy is 0.
    """

    def __init__(self, studies: Mapping[str, Study], differences: Sequence[str], notes: Sequence[str]) -> None:
        self.studies = dict(studies)
        self.differences, self.notes = list(differences), list(notes)
        limits = [s.limit_ms for s in studies.values() if s.limit_ms is not None]
        self._trials = {name: study.trials() for name, study in studies.items()}
        slowest = [float(usable(df)["latency_ms"].max()) for df in self._trials.values()]
        self.reference = (max(limits) if limits else max((ms for ms in slowest if math.isfinite(ms)), default=math.nan), 0.0)

    def __repr__(self) -> str:
        columns = ["space", "limit_ms", "trials", "accuracy", "latency_ms", "hypervolume_ms"]
        table = self.table()[columns].round(3).to_string(na_rep="").splitlines()
        return "\n  ".join([self._title, *table, *self._remarks])

    def _repr_html_(self) -> str:
        return to_html(self._title, [*self._remarks, "`front()`, `trials()` and `table()` are DataFrames"], self.table().round(3))

    @property
    def _title(self) -> str:
        latency_ms, accuracy = self.reference
        if math.isnan(latency_ms):
            return f"Comparison of {', '.join(self.studies)}; no latency is known, so there are no hypervolumes"
        return f"Comparison of {', '.join(self.studies)}; hypervolumes from {latency_ms:g} ms and accuracy {accuracy:.0%}"

    @property
    def _remarks(self) -> list[str]:
        return [*(f"not comparable: {text}" for text in self.differences), *(f"note: {text}" for text in self.notes)]

    def trials(self, phase: str | None = None) -> pd.DataFrame:
        """One frame of all trials: the column `study`, then the columns of `Study.trials`."""
        frames = [df.assign(study=name) for name, df in self._trials.items() if not df.empty]
        if not frames:
            return next(iter(self._trials.values())).assign(study=pd.Series(dtype="str"))
        df = _study_first(pd.concat(frames, ignore_index=True))
        return df if phase is None else df[df["phase"] == phase].reset_index(drop=True)

    def front(
        self, *, minimize: Sequence[str] | None = None, maximize: Sequence[str] = ("accuracy",), phase: str | None = None
    ) -> pd.DataFrame:
        """Each study's own front (see `Study.front`), one below the other, with the column `study`.

        `nb.pareto_front` of this frame is the front of all studies together. By default latency is minimised, or the multiply-adds where
        no study knows latencies.
        """
        if minimize is None:
            minimize = ["macs" if all(cost_column(df) == "macs" for df in self._trials.values()) else "latency_ms"]
        fronts = [study.front(minimize=minimize, maximize=maximize, phase=phase).assign(study=name) for name, study in self.studies.items()]
        frames = [df for df in fronts if not df.empty]
        return _study_first(pd.concat(frames, ignore_index=True) if frames else fronts[0])

    def hypervolumes(self, phase: str | None = None) -> dict[str, Hypervolume]:
        """The hypervolume of each study's front, measured from one reference; NaN where metrics cannot be compared, and where scores
        take the place of accuracies.

        Args:
            phase: see `Study.front`; with `search`, the values compare strategies.
        """
        if self.differences or any(study.measure != ACCURACY for study in self.studies.values()):
            return {name: Hypervolume(math.nan, *self.reference) for name in self.studies}
        return {name: hypervolume(comparable(df, phase), self.reference) for name, df in self._trials.items()}

    def table(self, phase: str | None = None) -> pd.DataFrame:
        """One row per study: its settings, its cost, its best network, its hypervolume and `mean_accuracy` (see `Hypervolume`).

        Columns: space, strategy, seed, limit_ms; trials (trained in full and within every limit), cost_s (seconds of training);
        accuracy, final_accuracy, latency_ms, measured_ms, macs, params_count of `Study.best`; hypervolume_ms, mean_accuracy.

        Args:
            phase: of the trials, their cost and the hypervolume; see `Study.front`.
        """
        volumes = self.hypervolumes(phase)
        rows = [self._row(study, _of(self._trials[name], phase), volumes[name]) for name, study in self.studies.items()]
        return pd.DataFrame(rows, index=pd.Index(list(self.studies), name="study"))

    def _row(self, study: Study, trials: pd.DataFrame, volume: Hypervolume) -> dict[str, Any]:
        best = study.best()
        metrics = ("accuracy", "final_accuracy", "latency_ms", "measured_ms", "macs", "params_count")
        return {
            "space": study.command.get("space"),
            "strategy": study.command.get("strategy"),
            "seed": study.command.get("seed"),
            "limit_ms": study.limit_ms,
            "trials": len(usable(trials)),
            "cost_s": float(trials["seconds"].sum()),
            **{name: None if best is None else best[name] for name in metrics},
            "hypervolume_ms": volume.ms,
            "mean_accuracy": volume.mean_accuracy,
        }


def _of(trials: pd.DataFrame, phase: str | None) -> pd.DataFrame:
    """The trials of a phase; by default of all but the final round."""
    return trials[trials["phase"] != "final"] if phase is None else trials[trials["phase"] == phase]


def compare_studies(studies: Sequence[str | Path | Study], *, anyway: bool = False) -> Comparison:
    """Several studies as one. They must share device, images and training recipe; space, strategy, limits and seed may differ.

    Args:
        studies: folders of studies, or studies that are open.
        anyway: also compare studies that must not be compared. `differences` then says which metrics mean different things, and
            hypervolumes are NaN.

    Raises:
        StudyError: no study is named, one is named twice, one cannot be read, or they cannot be compared.

    >>> comparison = compare_studies(["studies/data/mbconv-20ms", "studies/data/mbconv-10ms"])
    >>> comparison.table()[["limit_ms", "trials", "accuracy", "hypervolume_ms"]].round(3).rename_axis(None)
                 limit_ms  trials  accuracy  hypervolume_ms
    mbconv-20ms      20.0      39     0.796          12.807
    mbconv-10ms      10.0      43     0.804          13.034
    """
    opened = [s if isinstance(s, Study) else open_study(s) for s in studies]
    if not opened:
        raise StudyError("a comparison needs studies; name at least one folder that `search` made")
    names = [s.name if sum(o.name == s.name for o in opened) == 1 else f"{s.path.resolve().parent.name}/{s.name}" for s in opened]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise StudyError(f"a comparison names each study once; {twice} is named twice; leave one out")
    named = dict(zip(names, opened, strict=True))
    settings = {key: {name: s.command.get(key) for name, s in named.items()} for key in _MUST_AGREE}
    # A study without a profile has no latencies yet, so its measuring process does not matter.
    versions = {name: s.measured_by for name, s in named.items() if s.measured_by is not None}
    differences = [text for key, metric in _MUST_AGREE.items() if (text := _difference(settings[key], key, metric))]
    measures = {name: s.measure for name, s in named.items()}
    differences += [text] if (text := _difference(measures, "what the evaluator measures", "accuracies")) else []
    differences += [text] if (text := _difference(versions, "the version of the measuring process", "latencies")) else []
    if differences and not anyway:
        raise StudyError(
            f"studies are compared on one device, data and recipe; {'; '.join(differences)}; leave out those that differ, or allow it "
            "with anyway=True (--anyway) and compare only what does not depend on it"
        )
    return Comparison(named, differences, _notes(named))


def _study_first(df: pd.DataFrame) -> pd.DataFrame:
    """The column `study` first, the long texts of `genotype` last."""
    return df[["study", *(c for c in df.columns if c not in ("study", "genotype")), "genotype"]]


def _difference(values: Mapping[str, Any], key: str, metric: str) -> str:
    """A sentence about which studies have which value of a key; empty where all have the same value."""
    if len({repr(v) for v in values.values()}) <= 1:
        return ""
    if all(isinstance(v, Mapping) for v in values.values()):
        fields = {k for v in values.values() for k in v if len({repr(o.get(k)) for o in values.values()}) > 1}
        values = {name: {k: v.get(k) for k in sorted(fields)} for name, v in values.items()}
    shown = ", ".join(f"{value} in {name}" for name, value in values.items())
    return f"{metric} differ in {key}: {shown}"


def _notes(studies: Mapping[str, Study]) -> list[str]:
    """Differences that do not prevent a comparison."""
    notes = []
    if len({s.command.get("seed") for s in studies.values()}) > 1:
        notes.append("seeds differ: the seed chooses the images for validation, so accuracies differ more by chance")
    versions = {name: (s.about.get("versions") or {}).get("torch") for name, s in studies.items()}
    if len(set(versions.values())) > 1:
        notes.append(f"torch differs: {', '.join(f'{v} in {name}' for name, v in versions.items())}")
    return notes + [f"{name} is not finished" for name, study in studies.items() if not study.summary()]

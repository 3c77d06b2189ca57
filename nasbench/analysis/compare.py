"""Several studies in one frame, where they may be compared; and what forbids it, where they may not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nasbench.analysis.fronts.hypervolume import Hypervolume, hypervolume, usable
from nasbench.analysis.study import Study, open_study
from nasbench.errors import StudyError

# Keys of a study's command without which a figure means something else, and which figure that is.
_ALIKE = {"device": "latencies", "images": "accuracies", "recipe": "accuracies"}
_CHANCE = "which images validate is drawn from the seed, so accuracies differ by that much more chance"


class Comparison:
    """Studies of one device, data and recipe, side by side.

    Attributes:
        studies: by name; of two folders with one name, the second is called by its parent too.
        differences: what makes figures incomparable, in words; empty unless differences were allowed.
        notes: what else differs and may explain a difference.
        reference: (latency in ms, accuracy) of all hypervolumes: the largest limit, or, where no study has one, the slowest trained network
            of all; accuracy 0.
    """

    def __init__(self, studies: Mapping[str, Study], differences: Sequence[str], notes: Sequence[str]) -> None:
        self.studies = dict(studies)
        self.differences, self.notes = list(differences), list(notes)
        limits = [s.limit_ms for s in studies.values() if s.limit_ms is not None]
        self._trials = {name: study.trials() for name, study in studies.items()}
        slowest = [float(usable(df)["latency_ms"].max()) for df in self._trials.values()]
        self.reference = (max(limits) if limits else max((ms for ms in slowest if math.isfinite(ms)), default=math.nan), 0.0)

    def trials(self, phase: str | None = None) -> pd.DataFrame:
        """One frame of all trials: the column `study`, then those of `Study.trials`."""
        frames = [df.assign(study=name) for name, df in self._trials.items() if not df.empty]
        if not frames:
            return next(iter(self._trials.values())).assign(study=pd.Series(dtype="str"))
        df = pd.concat(frames, ignore_index=True)
        df = df[["study", *(c for c in df.columns if c not in ("study", "genotype")), "genotype"]]
        return df if phase is None else df[df["phase"] == phase].reset_index(drop=True)

    def front(self, *, minimize: Sequence[str] = ("latency_ms",), maximize: Sequence[str] = ("accuracy",)) -> pd.DataFrame:
        """Each study's own front, one below the other, with the column `study`.

        `nb.pareto_front` of this frame is the front of all of them together.
        """
        fronts = [study.front(minimize=minimize, maximize=maximize).assign(study=name) for name, study in self.studies.items()]
        found = [df for df in fronts if not df.empty]
        df = pd.concat(found, ignore_index=True) if found else fronts[0]
        return df[["study", *(c for c in df.columns if c not in ("study", "genotype")), "genotype"]]

    def hypervolumes(self) -> dict[str, Hypervolume]:
        """Of each study's search, against the one reference; NaN where figures cannot be compared."""
        if self.differences:
            return {name: Hypervolume(math.nan, *self.reference) for name in self.studies}
        return {name: hypervolume(df[df["phase"] == "search"], self.reference) for name, df in self._trials.items()}

    def table(self) -> pd.DataFrame:
        """One row per study: what was asked, what it cost, its best network, its hypervolume and `mean_accuracy` (see `Hypervolume`)."""
        volumes = self.hypervolumes()
        rows = [self._row(study, self._trials[name], volumes[name]) for name, study in self.studies.items()]
        return pd.DataFrame(rows, index=pd.Index(list(self.studies), name="study"))

    def _row(self, study: Study, trials: pd.DataFrame, volume: Hypervolume) -> dict[str, Any]:
        search = trials[trials["phase"] == "search"]
        best = study.best()
        figures = ("accuracy", "final_accuracy", "latency_ms", "measured_ms", "macs", "params_count")
        return {
            "space": study.command.get("space"),
            "strategy": study.command.get("strategy"),
            "seed": study.command.get("seed"),
            "limit_ms": study.limit_ms,
            "trials": len(usable(search)),
            "cost_s": float(search["seconds"].sum()),
            **{name: None if best is None else best[name] for name in figures},
            "hypervolume_ms": volume.ms,
            "mean_accuracy": volume.mean_accuracy,
        }


def compare_studies(studies: Sequence[str | Path | Study], *, anyway: bool = False) -> Comparison:
    """Several studies as one. They must share device, images and training recipe; space, strategy, limits and seed may differ.

    `anyway` compares studies that do not: `differences` then says which figures mean different things, and hypervolumes are NaN.

    Raises:
        StudyError: none is named, one is named twice or cannot be read, or they cannot be compared.
    """
    opened = [s if isinstance(s, Study) else open_study(s) for s in studies]
    if not opened:
        raise StudyError("a comparison needs studies; name at least one folder that `search` made")
    names = [s.name if sum(o.name == s.name for o in opened) == 1 else f"{s.path.resolve().parent.name}/{s.name}" for s in opened]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise StudyError(f"a comparison names each study once; {twice} stands there twice; leave one out")
    named = dict(zip(names, opened, strict=True))
    alike = {key: {name: s.command.get(key) for name, s in named.items()} for key in _ALIKE}
    # A young study has none yet, and no latencies either.
    processes = {name: s.measured_by for name, s in named.items() if s.measured_by is not None}
    differences = [text for key, what in _ALIKE.items() if (text := _difference(alike[key], key, what))]
    differences += [text] if (text := _difference(processes, "the version of the measuring process", "latencies")) else []
    if differences and not anyway:
        raise StudyError(
            f"studies are compared on one device, data and recipe; {'; '.join(differences)}; leave out those that differ, or allow it "
            "with anyway=True (--anyway) and compare only what does not depend on it"
        )
    return Comparison(named, differences, _notes(named))


def _difference(values: Mapping[str, Any], key: str, what: str) -> str:
    """Which studies have which value of a key, in words; empty where all have one."""
    if len({repr(v) for v in values.values()}) <= 1:
        return ""
    if all(isinstance(v, Mapping) for v in values.values()):
        fields = {k for v in values.values() for k in v if len({repr(o.get(k)) for o in values.values()}) > 1}
        values = {name: {k: v.get(k) for k in sorted(fields)} for name, v in values.items()}
    shown = ", ".join(f"{value} in {name}" for name, value in values.items())
    return f"{what} differ in {key}: {shown}"


def _notes(studies: Mapping[str, Study]) -> list[str]:
    """Differences that forbid nothing."""
    found = []
    if len({s.command.get("seed") for s in studies.values()}) > 1:
        found.append(f"seeds differ: {_CHANCE}")
    versions = {name: (s.about.get("versions") or {}).get("torch") for name, s in studies.items()}
    if len(set(versions.values())) > 1:
        found.append(f"torch differs: {', '.join(f'{v} in {name}' for name, v in versions.items())}")
    return found + [f"{name} is not finished" for name, study in studies.items() if not study.summary()]

"""Trials of another study, whose networks and accuracies a new study begins with: for another limit, or another device.

An accuracy does not depend on a limit. A new study may therefore begin with the evaluations of another one, if both evaluate alike. Each
network goes through the new study's candidate filter, and gets its metrics, constraints and reward there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype
from nasbench.search.config import DEFAULTS
from nasbench.search.records import METRICS
from nasbench.spaces import ParameterValues
from nasbench.study.database.trial_lines import line_of, read_lines
from nasbench.study.directory import StudyDirectory
from nasbench.study.reader import TrialReader
from nasbench.study.trial import Trial

FILE = "reused.jsonl"
REUSED = "reused"  # the entry of a trial's record that says where its accuracy comes from

# What decides an accuracy. Limits, rewards, strategies and devices do not.
DECISIVE = ("space_digest", "images", "evaluator", "evaluator_options", "recipe", "seed", "plugins", "threads", "trains_on")


@dataclass(frozen=True)
class Reused:
    """Trials of another study that were trained to the end.

    Attributes:
        source: the path of that study, as the user gave it.
    """

    source: str = ""
    trials: Sequence[Trial] = ()

    def __bool__(self) -> bool:
        return bool(self.trials)

    def networks(self, phase: str) -> list[tuple[Genotype, ParameterValues]]:
        """The networks of a phase in the order of their trials, with the values that lead to them."""
        return [(trial.network, dict(trial.params)) for trial in self._first[phase].values()]

    def record(self, trial: Trial) -> dict[str, Any] | None:
        """What the evaluator said of the network of a trial; None if it is to be evaluated.

        Metrics and reward are not part of it: they belong to the other study.
        """
        known = self._first.get(trial.phase, {}).get(trial.digest)
        if known is None:
            return None
        own = {"accuracy": known.accuracy, "seconds": known.seconds, "epochs": known.epochs}
        own = {name: value for name, value in own.items() if value is not None}
        details = {name: value for name, value in known.more.items() if name not in METRICS}
        return {"status": "ok", **details, **own, REUSED: f"{known.phase} {known.number} of {self.source}"}

    def store(self, path: Path) -> None:
        """Copy the trials into the study at `path`, which then does not need the other study any more."""
        if self.trials and not (path / FILE).exists():
            write_atomic(path / FILE, "".join(map(line_of, self.trials)))

    @cached_property
    def _first(self) -> dict[str, dict[str, Trial]]:
        """The first trial of each network, by phase and digest."""
        first: dict[str, dict[str, Trial]] = {"search": {}, "random": {}}
        for trial in self.trials:
            first[trial.phase].setdefault(trial.digest, trial)
        return first


def reused_trials(path: Path, source: str, command: Mapping[str, Any]) -> Reused:
    """The trials of the study `source` with which the study at `path` begins.

    Args:
        command: of the new study.

    Raises:
        StudyError: the other study cannot be read, evaluates otherwise, or has evaluated nothing.
    """
    if (path / FILE).exists():
        return Reused(source, read_lines(path / FILE))
    directory = StudyDirectory.open(source)
    _check_alike(source, {**DEFAULTS, **directory.command}, command)
    trials = [trial for trial in TrialReader(directory).trials() if _is_usable(trial)]
    if not trials:
        raise StudyError(f"a study can begin with the trials of another; {source} has none that was trained in full; leave --from out")
    return Reused(source, trials)


def _check_alike(source: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Check that accuracies of the two studies mean the same.

    Raises:
        StudyError: they do not.
    """
    for key in DECISIVE:
        if theirs.get(key) != ours.get(key):
            raise StudyError(
                f"a study can begin with the trials of one that evaluates alike; {key} is {theirs.get(key)!r} in {source} and "
                f"{ours.get(key)!r} here; give the same, or leave --from out"
            )


def _is_usable(trial: Trial) -> bool:
    """Whether a trial of a phase was trained to the end."""
    evaluated = trial.status in ("ok", "infeasible") and trial.accuracy is not None and math.isfinite(trial.accuracy)
    return evaluated and trial.phase in ("search", "random") and bool(trial.params) and bool(trial.genotype)

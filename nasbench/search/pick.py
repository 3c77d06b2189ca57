"""Another network for another limit, from what a study has evaluated already. Nothing is searched or ranked again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from nasbench.errors import LimitError, StudyError
from nasbench.evaluate.measure import ACCURACY, measure_of, measured_by
from nasbench.export.trained import Trained
from nasbench.files import MALFORMED, read_json, write_atomic
from nasbench.genotype import Genotype
from nasbench.latency import Predictor
from nasbench.search.config import SearchConfig
from nasbench.search.device_profile import studied_profile
from nasbench.search.final.evaluated import Evaluated
from nasbench.search.final.finalists import Finalist, FinalResult
from nasbench.search.final.stored_winner import genotype_of_study
from nasbench.search.final.winner import Choice, choose_winner, deliver
from nasbench.search.limits import Limits, Metrics, estimate
from nasbench.search.measuring import Measure, measurable, measurer_for
from nasbench.spaces.options import Options
from nasbench.study.directory import PROFILE_FILE, StudyDirectory
from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements
from nasbench.study.reader import stored_trials
from nasbench.study.trial import FINAL, Trial

PICKS, PICK_FILE = "picks", "pick.json"
_OPTIONS = "--latency 8ms, --macs 300M, --params 5M, --memory 64MiB or --size 8MiB"


@dataclass(frozen=True)
class Pick:
    """What was picked.

    Attributes:
        path: its folder, with `best/` as a study has it.
        limits: which it keeps.
        choice: the network with its measurement; none where no network of the study keeps the limits.
        inside, evaluated: how many networks may keep the limits, of how many.
        nearest: of all, the network that exceeds the limits least, and its metrics; only where none keeps them.
    """

    path: Path
    limits: Limits
    choice: Choice
    inside: int
    evaluated: int
    nearest: tuple[str, Metrics] | None = None

    @property
    def result(self) -> FinalResult | None:
        """The network, measured or, where that was not possible, predicted."""
        return self.choice.delivered

    @property
    def genotype(self) -> Genotype | None:
        """The network; None where there is none."""
        return None if self.result is None else Genotype.from_yaml(self.result.finalist.genotype)

    def trained(self) -> Trained:
        """The network with its weights: `.network()`, `.predict(["photo.jpg"])`, `.test_accuracy`.

        Raises:
            NasbenchError: it was not trained.
        """
        return Trained.read(self.path)


def pick_network(
    study: Path, limits: Limits, path: Path | None, say: Callable[[str], None], measure: Measure | None = None
) -> tuple[Pick, SearchConfig]:
    """Choose the best network of a study within other limits, measure it, and deliver its genotype and card.

    The candidates are the networks that the study has evaluated to the end, in the order of the accuracy that all its trainings let
    expect of them. They keep the limits of the study, too. The first one that keeps the new ones when it is measured is picked.

    Args:
        limits: one at least.
        path: the folder of the pick; by default one of the study, named by the limits. The same pick in it is found again.
        measure: measures networks; by default on the study's device, where that is here.

    Returns:
        The pick, and the configuration with which its network is trained for use.

    Raises:
        LimitError: no limit is given, or a latency limit where the study has no latencies.
        StudyError: the study has evaluated nothing yet, or the folder holds something else.
    """
    if not limits.any:
        raise LimitError(f"a network is picked by a limit; got none; give {_OPTIONS}")
    directory = StudyDirectory.open(study)
    config = SearchConfig.from_command(directory.command)
    profile = studied_profile(study) if (study / PROFILE_FILE).exists() else None
    if limits.latency_ms is not None and profile is None:
        raise LimitError(
            f"a latency limit needs the device of the study; {study} has no profile of one, since nothing asked for latencies; pick by "
            "another limit, such as --macs 300M"
        )
    config = replace(config, limits=limits, mode="hard")
    device = config.device.resolve()[0] if profile is None else profile.device
    path = path or study / PICKS / "-".join(limits.name_parts())
    content = {"study": str(study.resolve()), "limits": asdict(limits)}
    _check_folder(path, content)
    predictor = None if profile is None else Predictor(profile)
    candidates = _candidates(study, stored_trials(directory), predictor, device.precision)
    within = [result for result, metrics in candidates if limits.judge(metrics) != "outside"]
    choice = Choice(None)
    if within:
        if measure is None and limits.latency_ms is not None and measurable(device, config.engine):
            measure = measurer_for(device, config.engine, say)
        path.mkdir(parents=True, exist_ok=True)
        write_atomic(path / PICK_FILE, json.dumps(content, indent=1) + "\n")
        measurements = Measurements(path / MEASUREMENTS_FILE, None if profile is None else profile.speed_ms)
        choice = choose_winner(within, limits, measure, measurements, say)
        unverified = "" if choice.winner else choice.why
        deliver(path, [choice.delivered] if choice.delivered else [], choice.delivered, None, limits, device, unverified=unverified)
    return Pick(path, limits, choice, len(within), len(candidates), None if choice.delivered else _nearest(candidates, limits)), config


@dataclass(frozen=True)
class _Stored:
    """The trials of a phase, read from a study that may be a copy without a ledger."""

    trials: Sequence[Trial]

    def records(self) -> Sequence[Trial]:
        return self.trials

    def options(self) -> Mapping[str, Options]:
        """The values that any trial has, in place of the options that the space gives."""
        seen: dict[str, dict[Any, None]] = {}
        for trial in self.trials:
            for name, value in trial.params.items():
                seen.setdefault(name, {})[value] = None
        numbers = {name: all(isinstance(value, int | float) for value in values) for name, values in seen.items()}
        return {name: tuple(sorted(values) if numbers[name] else values) for name, values in seen.items()}


def _candidates(study: Path, trials: Sequence[Trial], predictor: Predictor | None, precision: str) -> list[tuple[FinalResult, Metrics]]:
    """The networks that a study has evaluated to the end, with what is expected of them, best first.

    Raises:
        StudyError: there are none yet.
    """
    final = [t for t in trials if t.phase == FINAL]
    phases = [_Stored([t for t in trials if t.phase == name]) for name in dict.fromkeys(t.phase for t in trials if t.phase != FINAL)]
    first: dict[str, Trial] = {}
    for phase in phases:
        for trial in phase.trials:
            if trial.status == "ok" and trial.reached and trial.reached[0] == math.inf:
                first.setdefault(trial.digest, trial)
    if not first:
        raise StudyError(
            f"a network is picked from those that a study has evaluated; {study} has none yet; wait, or continue it with resume"
        )
    scored = any(measure_of(t.more) != ACCURACY for t in first.values()) and measured_by(final) == ACCURACY
    if scored:  # by shared weights: few of the networks were trained alone, and perhaps none within these limits
        final = []
    evaluated = Evaluated(phases, final)
    found = []
    for key, trial in first.items():
        g = genotype_of_study(study, trial.genotype)
        metrics = estimate(g, None if predictor is None else predictor.predict, precision)
        same = [t for t in trials if t.digest == key and t.accuracy is not None and t.status == "ok" and (t.phase != FINAL or not scored)]
        tests = [t.more["test_accuracy"] for t in same if t.more.get("test_accuracy") is not None]
        scores = tuple(t.accuracy for t in same if t.accuracy is not None)
        finalist = Finalist(
            f"{trial.phase} {trial.number}", g.to_yaml(), key, metrics.params, metrics.macs, metrics.predicted, None, trial.phase
        )
        expected = evaluated.expected(key)
        result = FinalResult(finalist, mean(scores), scores, mean(tests) if tests else None, trial.number, expected=expected)
        found.append((result, metrics))
    return sorted(found, key=lambda pair: (-pair[0].expected, -pair[0].accuracy))


def _nearest(candidates: Sequence[tuple[FinalResult, Metrics]], limits: Limits) -> tuple[str, Metrics]:
    """The network whose greatest excess over a limit is least."""
    result, metrics = min(candidates, key=lambda pair: max(limits.excess(pair[1]).values()))
    return result.finalist.origin, metrics


def _check_folder(path: Path, content: Mapping[str, Any]) -> None:
    """Refuse a folder with something else in it.

    Raises:
        StudyError: it has other content than an earlier pick of the same study within the same limits.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        same = read_json(path / PICK_FILE) == content
    except (OSError, *MALFORMED):
        same = False
    if not same:
        raise StudyError(f"a pick has a folder of its own; {path} holds something else; name another one with --out")

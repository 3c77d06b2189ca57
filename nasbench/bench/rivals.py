"""Strategies of other libraries beside ours: samplers of Optuna and of OptunaHub by name."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from nasbench.errors import StudyError, nearest
from nasbench.strategies import STRATEGIES, Strategy, make_strategy

OPTUNA, HUB = "optuna:", "optunahub:"


@dataclass(frozen=True)
class OptunaStrategy(Strategy):
    """A sampler of Optuna with its default settings."""

    def sampler(self, seed: int) -> BaseSampler:
        """The sampler of one trial."""
        factory = _sampler_class(self.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler: BaseSampler = factory(seed=seed) if "seed" in inspect.signature(factory).parameters else factory()
        return sampler


def strategy_named(name: str, seed: int) -> Strategy:
    """A strategy by its name: one of ours, of a plugin, `optuna:TPESampler`, or `optunahub:PACKAGE`.

    Raises:
        StudyError: there is none with this name, or its library is not installed.
    """
    if name.startswith((OPTUNA, HUB)):
        _sampler_class(name)
        return OptunaStrategy(name, seed)
    if ":" in name:
        raise StudyError(f"a rival is optuna:SAMPLER or optunahub:PACKAGE, else one of {', '.join(STRATEGIES)}; got {name!r}")
    return make_strategy(name, seed)


def _sampler_class(name: str) -> Any:
    if name.startswith(OPTUNA):
        wanted = name.removeprefix(OPTUNA)
        known = [
            n for n in optuna.samplers.__all__ if n.endswith("Sampler") and n not in ("BaseSampler", "PartialFixedSampler", "GridSampler")
        ]
        if wanted not in known:
            raise StudyError(f"optuna: has {', '.join(known)}; got {wanted!r}{nearest(wanted, known)}")
        return getattr(optuna.samplers, wanted)
    if importlib.util.find_spec("optunahub") is None:
        raise StudyError(f"{name} needs the library optunahub; type pip install optunahub")
    module = importlib.import_module("optunahub").load_module(name.removeprefix(HUB))
    several = [value for key, value in vars(module).items() if key.endswith("Sampler") and inspect.isclass(value)]
    if len(several) != 1:
        raise StudyError(f"a package of optunahub has one sampler; {name} has {len(several)}")
    return several[0]

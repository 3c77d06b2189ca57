"""The configuration of a search: its command as data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from nasbench.engines.config import EngineConfig
from nasbench.errors import LimitError, StudyError, nearest
from nasbench.evaluate.base import EvaluationContext
from nasbench.latency import DeviceConfig
from nasbench.plugins import Plugin
from nasbench.search.limits import Limits, Mode, check_mode
from nasbench.search.rungs import ALL_AT_ONCE, ETA, Rungs
from nasbench.spaces import Space
from nasbench.training.proxy import FITTED, as_stored, fitted
from nasbench.training.recipe import PROXY, Recipe

KNOWN = ("mobilenet_v3_small", "mobilenet_v2", "mnasnet_a1")

# These keys change how long a study takes and how many trials it has, but not the result of any trial.
MAY_CHANGE = ("workers", "time_s", "train_s", "trials", "engine")
DEFAULTS = {"evaluator": "train", "control": "equal"}  # of studies that began before these could be chosen
TRAINS = ("train", "supernet")  # evaluators whose winner is trained for use by default
TRAIN_SHARE = 0.4  # of the time, by default, in which the winner is trained for use
CONTROL_SHARES = {"equal": 1.0, "small": 0.25, "none": 0.0}  # trials of random search for each trial of the search


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Everything that decides a search: the same configuration gives the same study.

    Attributes:
        space: name or path of the space, as the user gave it.
        limits: what a network may cost.
        data, data_root: the images, as `load_images` takes them.
        evaluator, evaluator_options: name and options of the evaluator.
        strategy, options: name and options of the strategy.
        mode: how accuracy and latency become a reward.
        seed: decides all random choices of the study.
        trials: number of evaluations of the search, some of which train its best networks again, see `searching`; None lets the plan
            choose it from `time_s`.
        control: how many trials random search has: as many as the search (`equal`), a quarter of them (`small`), or none.
        time_s: seconds that the whole search may take.
        train_s: of them, those in which the winner is trained for use; with a number of trials they come on top. None lets the kind of
            evaluation decide, see `training_s`.
        final_seeds: number of fresh seeds with which each finalist is trained.
        known: known networks with which the finalists are compared.
        workers: number of trials at a time.
        device: the device that the latency limit is meant for.
        engine: where trials run, and which resources each of them has.
        recipe: how a network is trained.
        reuse: path of a study with whose trials this one begins, see `nasbench.search.reuse`.
        open_fields: fields of the recipe that the amount of data decides, see `fitted_to`; they are part of no command.
        rungs: epochs after which successive halving chooses the trials that continue; by default every trial is trained to the end.
        measure: profile the device and measure latencies although nothing that is asked for needs them.

    Raises:
        LimitError: the reward needs a limit that is not given.
        StudyError: a number is out of its range, or the last rung is not the last epoch of the recipe.
    """

    space: str
    limits: Limits
    data: str = "embedded"
    data_root: str | None = None
    evaluator: str = "train"
    evaluator_options: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = "predictor"
    options: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "hard"
    seed: int = 0
    trials: int | None = None
    time_s: float = 480.0
    train_s: float | None = None
    control: str = "small"
    final_seeds: int = 2
    known: tuple[str, ...] = KNOWN
    workers: int = 1
    device: DeviceConfig = field(default_factory=DeviceConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    recipe: Recipe = PROXY
    open_fields: tuple[str, ...] = ()
    rungs: Rungs = ALL_AT_ONCE
    reuse: str | None = None
    measure: bool = False

    def __post_init__(self) -> None:
        check_mode(self.mode)
        if self.mode == "soft" and self.limits.latency_ms is None:
            raise LimitError("the soft reward needs a latency limit; give --latency, such as --latency 20ms, or --reward hard or pareto")
        if self.mode == "hard" and not self.limits.any:
            raise LimitError(
                "the hard reward needs a limit; give --latency, such as --latency 20ms, or --macs, --params, --memory or --size, "
                "or --reward pareto"
            )
        self.engine.check_device(self.device)
        if self.control not in CONTROL_SHARES:
            raise StudyError(
                f"--control is one of {', '.join(CONTROL_SHARES)}; got {self.control!r}{nearest(self.control, CONTROL_SHARES)}"
            )
        for name, value, low, high in (
            ("--trials", self.trials, 0 if self.reuse else 1, 1_000_000),
            ("--jobs", self.workers, 1, 1024),
            ("--final-seeds", self.final_seeds, 1, 100),
        ):
            if value is not None and not low <= value <= high:
                raise StudyError(f"{name} is a whole number from {low} to {high}; got {value}")
        if self.trials is None and not 0 <= self.training_s < self.time_s:
            given = f"--train-time {self.training_s:g} s of {self.time_s:g} s"
            raise StudyError(f"the winner is trained in a part of --time; got {given}; give it less, or none")
        if self.rungs and self.reuse:
            raise StudyError("with --from, networks were trained to the end already; leave --eta and --rungs out, or --from")
        if self.rungs and self.rungs.epochs[-1] != self.recipe.epochs:
            raise StudyError(
                f"the last rung is the whole training; the rungs end after {self.rungs.epochs[-1]} epochs, the recipe has "
                f"{self.recipe.epochs}; give both the same"
            )

    @property
    def control_share(self) -> float:
        """Trials of random search for each trial of the search."""
        return CONTROL_SHARES[self.control]

    @property
    def training_s(self) -> float:
        """Seconds in which the winner is trained for use: by default a share of the time, and none where the number of trials is given or
        networks are evaluated without training."""
        if self.train_s is not None:
            return self.train_s
        return TRAIN_SHARE * self.time_s if self.trials is None and self.evaluator in TRAINS else 0.0

    @property
    def wants_latency(self) -> bool:
        """Whether latencies are asked for. Else the device is not profiled and nothing is measured."""
        return self._needs_latency or self.measure

    @property
    def _needs_latency(self) -> bool:
        """Whether latencies decide which networks are found."""
        return self.limits.latency_ms is not None or self.mode == "pareto"

    def fitted_to(self, training: int, probed: Recipe | None = None) -> SearchConfig:
        """The configuration with the recipe for so many training images; nothing of it is open then.

        Args:
            probed: the recipe that a probe has chosen; it is taken where the user left all of it open.
        """
        chosen = probed if probed and set(FITTED) <= set(self.open_fields) else fitted(self.recipe, training, self.open_fields)
        return replace(self, recipe=chosen, open_fields=())

    def continuing(self, command: Mapping[str, Any]) -> SearchConfig:
        """The configuration for a study that has begun with the command: its open fields are those of the study.

        A study that trains no winner, since it began with an earlier version or with a number of trials, does so only if it is asked to.
        """
        trains = self.train_s is not None or command.get("train_s")
        recipe = as_stored(self.recipe, command.get("recipe", {}), self.open_fields)
        return replace(self, recipe=recipe, open_fields=(), train_s=self.train_s if trains else 0.0)

    def context(self, plugins: tuple[Plugin, ...] = ()) -> EvaluationContext:
        """What the evaluator needs to know of the study."""
        return EvaluationContext(
            space=self.space,
            data=self.data,
            data_root=self.data_root,
            recipe=self.recipe.to_dict(),
            split_seed=self.seed,
            threads=self.engine.threads,
            device=self.engine.trains_on,
            plugins=plugins,
        )

    def command(self, space: Space, device: str, data: str, plugins: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The command as `study.yaml` stores it. Configurations with the same command are the same study.

        Args:
            device: key of the device.
            data: fingerprint of the data on which networks are evaluated.
            plugins: sha256 of each plugin, by file name.
        """
        return (
            ({"plugins": dict(plugins)} if plugins else {})
            | {
                "space": self.space,
                "space_digest": space_digest(space),
                "latency_ms": self.limits.latency_ms,
                "macs": self.limits.macs,
                "params": self.limits.params,
                "memory_bytes": self.limits.memory_bytes,
                "size_bytes": self.limits.size_bytes,
                "data": self.data,
                "data_root": self.data_root,
                "images": data,
                "evaluator": self.evaluator,
                "strategy": self.strategy,
                "options": dict(self.options),
                "reward": self.mode,
                "seed": self.seed,
                "trials": self.trials,
                "control": self.control,
                "final_seeds": self.final_seeds,
                "known": list(self.known),
                "device": device,
                "device_choice": self.device.to_json(),
                "recipe": self.recipe.to_dict(),
                "workers": self.workers,
                "time_s": self.time_s,
                "engine": self.engine.to_json(),
                **self.engine.decisive(),
            }
            | ({"evaluator_options": dict(self.evaluator_options)} if self.evaluator_options else {})
            | ({"reuse": self.reuse} if self.reuse else {})
            | ({"rungs": list(self.rungs.epochs), "eta": self.rungs.eta} if self.rungs else {})
            | ({"train_s": self.training_s} if self.training_s else {})
            | ({"measure": True} if self.measure and not self._needs_latency else {})
        )

    @classmethod
    def from_command(cls, command: Mapping[str, Any]) -> SearchConfig:
        """The configuration that a stored command describes.

        Raises:
            StudyError: the command lacks something, or has a value that cannot be.
        """
        lost = next(
            (name for name in ("reward", "known", "recipe", "space", "seed", "workers", "time_s") if command.get(name) is None), None
        )
        if lost is not None:
            raise StudyError(f"the stored command of a search has an entry {lost}; this one has none; restore study.yaml from a copy")
        limits = Limits(**{f.name: command.get(f.name) for f in fields(Limits)})
        train_s = command.get("train_s", 0.0)
        same_names = ("space", "data", "data_root", "strategy", "options", "seed", "trials", "final_seeds", "workers", "time_s")
        config = cls(
            limits=limits,
            mode=command["reward"],
            known=tuple(command["known"]),
            evaluator=command.get("evaluator", DEFAULTS["evaluator"]),
            evaluator_options=command.get("evaluator_options", {}),
            control=command.get("control", DEFAULTS["control"]),
            device=DeviceConfig.from_json(command.get("device_choice", {})),  # older studies have none and are refused later
            engine=EngineConfig.from_json(command.get("engine", {})),
            recipe=Recipe.from_dict(command["recipe"]),
            reuse=command.get("reuse"),
            rungs=Rungs(tuple(command.get("rungs", ())), command.get("eta", ETA)),
            measure=bool(command.get("measure", False)),
            **{k: command[k] for k in same_names if k in command},
        )
        return config if config.training_s == train_s else replace(config, train_s=train_s)

    def name(self) -> str:
        """The default name of the study, such as `mbconv-20ms`, followed by all options that differ from their default."""
        parts = [short_name(self.space), *self.limits.name_parts()]
        parts += _device_parts(self.device)
        parts += [short_name(self.data)] if self.data != "embedded" else []
        parts += [self.evaluator] if self.evaluator != DEFAULTS["evaluator"] else []
        parts += [short_name(str(self.evaluator_options["proxy"]))] if "proxy" in self.evaluator_options else []
        parts += [self.strategy] if self.strategy != SearchConfig.strategy else []
        parts += [self.mode] if self.mode != "hard" else []
        parts += [f"eta{self.rungs.eta}"] if self.rungs else []
        parts += ["measured"] if self.measure and not self._needs_latency else []
        parts += [f"{self.control}-control"] if self.control != SearchConfig.control else []
        parts += [f"seed{self.seed}"] if self.seed else []
        return "-".join(parts)[:100]


def _device_parts(device: DeviceConfig) -> list[str]:
    """The parts of a study's name for what differs from the default device: `cuda`, `onnxruntime`, `1t`, `b8`, `bf16`."""
    default = DeviceConfig()
    parts = [short_name(device.device.removesuffix(".json"))] if device.device != default.device else []
    parts += [device.runtime] if device.runtime not in (None, default.runtime) else []
    parts += [f"{device.threads}t"] if device.threads is not None else []
    parts += [f"b{device.batch}"] if device.batch not in (None, default.batch) else []
    parts += [device.precision] if device.precision not in (None, default.precision) else []
    return parts + (["channels_last"] if device.memory_format not in (None, default.memory_format) else [])


# The digest is made of a space's printed form. These are the names that its classes and fields had in version 0.1: with them a study of
# that version has the digest that stands in its study.yaml.
_NAMES_OF_0_1 = {
    "Alternatives(sequences=": "Named(rows=",
    "AnyOf(blocks=": "AnyOf(rows=",
    "Blocks(": "Rows(",
    "ListField(": "Listed(",
    "Path(blocks=": "Path(rows=",
    "ScalarField(": "Scalar(",
    "SpaceBlock(": "OpenRow(",
}


def space_digest(space: Space) -> str:
    """Changes with everything that can be sampled, so that a study is never continued in another space."""
    content = repr((list(space.channels), list(space.resolution), space.styles, space.stem, space.stages, space.head, space.bounds))
    for name, before in _NAMES_OF_0_1.items():
        content = content.replace(name, before)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def short_name(path: str) -> str:
    """A path, or any other text, as a part of a study's name.

    >>> short_name("spaces/my space.yaml")
    'my_space'
    """
    stem = path.rstrip("/").rsplit("/", 1)[-1].removesuffix(".yaml").removesuffix(".yml")
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in stem).lstrip("._-") or "study"

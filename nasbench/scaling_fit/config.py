"""The configuration of a fit: the command as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nasbench.engines.config import EngineConfig
from nasbench.errors import StudyError
from nasbench.evaluate import EvaluationContext
from nasbench.genotype import Genotype
from nasbench.latency import DeviceConfig
from nasbench.plugins import Plugin
from nasbench.search.config import short_name
from nasbench.training.proxy import as_stored, fitted
from nasbench.training.recipe import PROXY, Recipe

KIND = "scale fit"  # of the study, in study.yaml
GRID, CURVES = "grid", "curves"  # the two phases
MAY_CHANGE = ("workers", "time_s", "engine")  # they change how much is done, not the result of any trial


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """A fit, complete: the same configuration gives the same study.

    Attributes:
        network: the name or path of the base network, as given.
        genotype: the base network itself, which the study stores.
        latency: whether the cost that doubles is latency; it is measured where the device is on this machine. Else it is
            multiply-adds.
        divisor: widths are multiples of it.
        data, data_root: as `load_images` takes them.
        time_s: seconds that the whole fit may take.
        workers: trials at a time.
        device: the device whose latency is meant.
        engine: what runs the trials, and what each trial is given.
        open_fields: fields of the recipe that the amount of data decides, see `fitted_to`; they are part of no command.

    Raises:
        StudyError: a number out of its range, or an engine that does not suit the device.
    """

    network: str
    genotype: Genotype
    latency: bool = False
    divisor: int = 8
    data: str = "embedded"
    data_root: str | None = None
    seed: int = 0
    time_s: float = 1200.0
    workers: int = 1
    device: DeviceConfig = field(default_factory=DeviceConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    recipe: Recipe = PROXY
    open_fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.engine.check_device(self.device)
        for name, value, low, high in (("--jobs", self.workers, 1, 1024), ("--divisor", self.divisor, 1, 256)):
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise StudyError(f"{name} is a whole number from {low} to {high}; got {value!r}")

    @property
    def cost(self) -> str:
        """The name of the cost that doubles: `MACs` or `latency`."""
        return "latency" if self.latency else "MACs"

    def fitted_to(self, training: int) -> FitConfig:
        """The configuration with the recipe for so many training images; nothing of it is open then."""
        return replace(self, recipe=fitted(self.recipe, training, self.open_fields), open_fields=())

    def continuing(self, command: Mapping[str, Any]) -> FitConfig:
        """The configuration for a study that has begun with the command: its open fields are those of the study."""
        return replace(self, recipe=as_stored(self.recipe, command.get("recipe", {}), self.open_fields), open_fields=())

    def context(self, plugins: tuple[Plugin, ...] = ()) -> EvaluationContext:
        """What the evaluator has to know."""
        return EvaluationContext(
            data=self.data,
            data_root=self.data_root,
            recipe=self.recipe.to_dict(),
            split_seed=self.seed,
            threads=self.engine.threads,
            device=self.engine.trains_on,
            plugins=plugins,
        )

    def command(self, images: str, device: str | None, plugins: Mapping[str, str]) -> dict[str, Any]:
        """As `study.yaml` stores it; two configurations with the same command are the same study.

        Args:
            images: the fingerprint of the data.
            device: the key of the device; None where the cost is multiply-adds.
            plugins: sha256 by file name.
        """
        return ({"plugins": dict(plugins)} if plugins else {}) | {
            "kind": KIND,
            "network": self.network,
            "genotype": self.genotype.to_yaml(),
            "cost": self.cost,
            "divisor": self.divisor,
            "data": self.data,
            "data_root": self.data_root,
            "images": images,
            "seed": self.seed,
            "device": device,
            "device_choice": self.device.to_json() if self.latency else None,
            "recipe": self.recipe.to_dict(),
            "workers": self.workers,
            "time_s": self.time_s,
            "engine": self.engine.to_json(),
            **self.engine.decisive(),
        }

    @classmethod
    def from_command(cls, command: Mapping[str, Any]) -> FitConfig:
        """The configuration of a stored study, for `resume`.

        Raises:
            StudyError: the command lacks something, or has a value that cannot be.
        """
        lost = next(
            (name for name in ("genotype", "cost", "recipe", "network", "divisor", "seed", "workers", "time_s") if name not in command),
            None,
        )
        if lost is not None:
            raise StudyError(f"the stored command of a fit has an entry {lost}; this one has none; restore study.yaml from a copy")
        same = ("network", "divisor", "data", "data_root", "seed", "workers", "time_s")
        device = command.get("device_choice")
        return cls(
            genotype=Genotype.from_yaml(command["genotype"]),
            latency=command["cost"] == "latency",
            device=DeviceConfig() if device is None else DeviceConfig.from_json(device),
            engine=EngineConfig.from_json(command.get("engine", {})),
            recipe=Recipe.from_dict(command["recipe"]),
            **{key: command[key] for key in same if key in command},
        )

    def name(self) -> str:
        """The default name of the study: `fit-mobilenet_v2`, or `fit-mobilenet_v2-latency-seed3`."""
        parts = ["fit", short_name(self.network), *(["latency"] if self.latency else []), *([f"seed{self.seed}"] if self.seed else [])]
        return "-".join(parts)[:100]

"""What was asked of a scaling fit: the command as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nasbench.engines.config import EngineConfig
from nasbench.errors import StudyError
from nasbench.evaluate import EvaluationContext
from nasbench.genotype import Genotype
from nasbench.latency import DeviceConfig
from nasbench.plugins import Plugin
from nasbench.search.config import short_name
from nasbench.training.recipe import PROXY, Recipe

KIND = "scale fit"
MAY_CHANGE = ("workers", "time_s", "engine")  # they change how much is done, not what any trial gives


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """A fit, complete: the same request gives the same study.

    Attributes:
        network: name or path, as given; genotype: what that is, which the study keeps.
        latency: the cost that doubles is latency, measured where the device is here, else multiply-adds.
        divisor: of widths.
        data, data_root: as `load_images` takes them.
        time_s: seconds that the whole fit may take; workers: trainings at a time.
        device: whose latency it is; engine: what runs the trainings.
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

    def __post_init__(self) -> None:
        self.engine.check_device(self.device)
        for name, value, low, high in (("--jobs", self.workers, 1, 1024), ("--divisor", self.divisor, 1, 256)):
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise StudyError(f"{name} is a whole number from {low} to {high}; got {value!r}")

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
        """As `study.yaml` keeps it; two requests with the same command are the same study."""
        return ({"plugins": dict(plugins)} if plugins else {}) | {
            "kind": KIND,
            "network": self.network,
            "genotype": self.genotype.to_yaml(),
            "cost": "latency" if self.latency else "MACs",
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
        """What `resume` asks again."""
        same = ("network", "divisor", "data", "data_root", "seed", "workers", "time_s")
        choice = command["device_choice"]
        return cls(
            genotype=Genotype.from_yaml(command["genotype"]),
            latency=command["cost"] == "latency",
            device=DeviceConfig() if choice is None else DeviceConfig.from_json(choice),
            engine=EngineConfig.from_json(command.get("engine", {})),
            recipe=Recipe.from_dict(command["recipe"]),
            **{k: command[k] for k in same},
        )

    def name(self) -> str:
        """The study's name where none is given: `fit-mobilenet_v2`, `fit-mobilenet_v2-latency`."""
        parts = ["fit", short_name(self.network), *(["latency"] if self.latency else []), *([f"seed{self.seed}"] if self.seed else [])]
        return "-".join(parts)[:100]

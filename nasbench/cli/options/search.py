"""What is asked of a search or a fit: the options that their commands share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli.options.common import DeviceOptions, Space
from nasbench.errors import NasbenchError
from nasbench.genotype.units import parse_count, parse_duration, parse_latency, parse_memory

if TYPE_CHECKING:
    from nasbench.engines.config import EngineConfig
    from nasbench.latency.device_config import DeviceConfig
    from nasbench.search.config import SearchConfig
    from nasbench.training.recipe import Recipe

Words = str | None


@dataclass(frozen=True)
class TrainingOptions:
    """What trials are trained on and how, and for how long; of every command that trains several networks."""

    data: Annotated[str, typer.Option(help="embedded, fashion-mnist, mnist, cifar10, cifar100, or a folder of class folders.")] = "embedded"
    data_root: Annotated[Words, typer.Option(help="Where downloaded data sets are kept.")] = None
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0
    recipe: Annotated[Path | None, typer.Option(help="JSON file with fields of the training recipe.")] = None

    epochs: Annotated[int | None, typer.Option(help="Passes over the training images; those of the recipe without it.")] = None

    def how(self, epochs: int | None = None) -> Recipe:
        """The recipe; `epochs` where neither it nor an option says how many.

        Raises:
            NasbenchError: no such file, or no recipe in it.
        """
        from nasbench.training.recipe import PROXY, Recipe

        fields = {} if self.recipe is None else _read_json(self.recipe)
        if self.epochs is not None:
            fields["epochs"] = self.epochs
        elif epochs is not None:
            fields.setdefault("epochs", epochs)
        return Recipe.from_dict(fields) if fields else PROXY


@dataclass(frozen=True)
class EngineOptions:
    """What runs the trials, how many at a time, and what each is given."""

    engine: Annotated[str, typer.Option(help="What runs the trials: local (a process each) or ray (Ray Tune, on one machine or many).")] = (
        "local"
    )
    jobs: Annotated[int | None, typer.Option("--jobs", "--workers", help="Trials at a time; as many as there is room for without it.")] = (
        None
    )
    cpus_per_trial: Annotated[float, typer.Option(help="Threads of a trial, and CPUs that Ray sets aside for it.")] = 1.0
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(help="GPUs of a trial: 0 trains on the CPU, 0.25 shares one between four; without it 1 with --device cuda, else 0."),
    ] = None
    address: Annotated[
        Words, typer.Option(help="Of a Ray cluster: auto, HOST:PORT of its head, or ray://HOST:PORT; ray starts one here without it.")
    ] = None
    measure_on: Annotated[Words, typer.Option(help="Ray's resource of the node that latencies are measured on, see --device FILE.")] = None

    def choice(self, device: DeviceConfig) -> EngineConfig:
        """The engine that they choose; trials train on a GPU where latency is that of the GPU here, unless said otherwise.

        Raises:
            StudyError: an unknown engine, or what it cannot give a trial.
        """
        from nasbench.engines.config import EngineConfig

        gpus = self.gpus_per_trial
        if gpus is None:
            gpus = 1.0 if device.device == "cuda" else 0.0
        return EngineConfig(name=self.engine, cpus=self.cpus_per_trial, gpus=gpus, address=self.address, measure_on=self.measure_on)

    def at_once(self, choice: EngineConfig) -> int:
        """Trials at a time."""
        from nasbench.engines.open import room_for

        return room_for(choice) if self.jobs is None else self.jobs


@dataclass(frozen=True)
class SearchOptions:
    """What is searched for, where and how long."""

    space: Space = "mbconv"
    latency: Annotated[Words, typer.Option(help="Limit at the network's own input size on the device, such as 20ms.")] = None
    macs: Annotated[Words, typer.Option(help="Limit on multiply-adds, such as 300M.")] = None
    params: Annotated[Words, typer.Option(help="Limit on parameters, such as 5M.")] = None
    memory: Annotated[Words, typer.Option(help="Limit on memory to run, float32 at batch 1, such as 64MiB.")] = None
    size: Annotated[Words, typer.Option(help="Limit on the model's size at the device's precision, such as 4MiB.")] = None
    strategy: Annotated[str, typer.Option(help="random, evolution or tpe.")] = "evolution"
    reward: Annotated[str, typer.Option(help="hard or soft (MnasNet), or pareto (accuracy and latency).")] = "hard"
    trials: Annotated[int | None, typer.Option(help="Networks to train, and as many at random; --time decides without it.")] = None
    time: Annotated[str, typer.Option(help="Time for the whole search, such as 8min.")] = "8min"
    known: Annotated[Words, typer.Option(help="Known networks to compare with, separated by commas.")] = None
    eta: Annotated[int | None, typer.Option(help="Successive halving: one trial in so many goes on from each rung. 3 is usual.")] = None
    rungs: Annotated[
        Words, typer.Option(help="Its rungs in epochs, such as 1,3,9; the last is the whole training. Powers of --eta without it.")
    ] = None

    def request(self, training: TrainingOptions, engine: EngineOptions, device: DeviceOptions) -> SearchConfig:
        """As a request; quantities and names are checked before torch is loaded.

        Raises:
            NasbenchError: a quantity, name, file or device that cannot be.
        """
        from nasbench.spaces import load_space

        choice = device.choice()
        limits = {
            "latency_ms": None if self.latency is None else parse_latency(self.latency),
            "macs": None if self.macs is None else parse_count(self.macs),
            "params": None if self.params is None else parse_count(self.params),
            "memory_bytes": None if self.memory is None else parse_memory(self.memory),
            "size_bytes": None if self.size is None else parse_memory(self.size),
        }
        load_space(self.space)
        seconds = parse_duration(self.time)
        from nasbench.search.config import KNOWN, SearchConfig
        from nasbench.search.limits import Limits
        from nasbench.search.rungs import ALL_AT_ONCE, ETA, Rungs

        steps = None if self.rungs is None else _numbers(self.rungs)
        recipe = training.how(steps[-1] if steps else None)
        runs_on = engine.choice(choice)
        chosen = ALL_AT_ONCE
        if steps is not None:
            chosen = Rungs(steps, ETA if self.eta is None else self.eta)
        elif self.eta is not None:
            chosen = Rungs.geometric(recipe.epochs, self.eta)
        return SearchConfig(
            space=self.space,
            limits=Limits(**limits),  # type: ignore[arg-type] # a mapping of mixed numbers
            data=training.data,
            data_root=training.data_root,
            strategy=self.strategy,
            mode=self.reward,  # type: ignore[arg-type] # checked by Request
            seed=training.seed,
            trials=self.trials,
            time_s=seconds,
            workers=engine.at_once(runs_on),
            device=choice,
            engine=runs_on,
            known=tuple(self.known.split(",")) if self.known else KNOWN,
            recipe=recipe,
            rungs=chosen,
        )


def _numbers(text: str) -> tuple[int, ...]:
    """`1,3,9`.

    Raises:
        NasbenchError: anything else.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise NasbenchError(f"rungs are numbers of epochs separated by commas, such as 1,3,9; got {text!r}")
    return tuple(int(word) for word in words)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NasbenchError(f"a recipe is a JSON file with fields such as epochs and lr; {path}: {error}") from None
    if not isinstance(found, dict):
        raise NasbenchError(f"a recipe is a JSON mapping of fields such as epochs and lr; {path} holds {type(found).__name__}")
    return found

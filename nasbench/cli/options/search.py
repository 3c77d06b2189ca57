"""Options of a search or a scaling fit, which their commands share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli.options.common import DeviceOptions, Space

if TYPE_CHECKING:
    from nasbench.engines.config import EngineConfig
    from nasbench.latency.device_config import DeviceConfig
    from nasbench.search.config import SearchConfig
    from nasbench.training.recipe import Recipe

Text = str | None


@dataclass(frozen=True)
class TrainingOptions:
    """What trials are trained on and how; for every command that trains several networks."""

    data: Annotated[
        str, typer.Option(help="embedded, fashion-mnist, mnist, cifar10, cifar100, or a folder of class folders; see nasbench data.")
    ] = "embedded"
    data_root: Annotated[Text, typer.Option(help="Where downloaded data sets are kept.")] = None
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0
    recipe: Annotated[Path | None, typer.Option(help="JSON file with fields of the training recipe, see docs/data.md.")] = None
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the training images; by default as the recipe says, or as many as a small data set needs."),
    ] = None

    def read_recipe(self) -> Recipe:
        """The recipe of the options.

        Raises:
            NasbenchError: there is no such file, or it holds no recipe.
        """
        from nasbench.search.options import read_recipe

        return read_recipe(self.recipe, self.epochs)

    def open_fields(self) -> tuple[str, ...]:
        """The fields of the recipe that the options leave to the data."""
        from nasbench.search.options import fields_left_open

        return fields_left_open(self.recipe, self.epochs)


@dataclass(frozen=True)
class EngineOptions:
    """What runs the trials, how many at a time, and what each is given."""

    engine: Annotated[str, typer.Option(help="What runs the trials: local (a process each) or ray (Ray Tune, on one machine or many).")] = (
        "local"
    )
    jobs: Annotated[int | None, typer.Option("--jobs", "--workers", help="Trials at a time; by default as many as there is room for.")] = (
        None
    )
    cpus_per_trial: Annotated[float, typer.Option(help="Threads of a trial, and CPUs that Ray sets aside for it.")] = 1.0
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(help="GPUs of a trial: 0 trains on the CPU, 0.25 shares one between four; by default 1 with --device cuda, else 0."),
    ] = None
    address: Annotated[
        Text,
        typer.Option(help="Address of a Ray cluster: auto, HOST:PORT of its head, or ray://HOST:PORT; by default ray starts one."),
    ] = None
    measure_on: Annotated[Text, typer.Option(help="Ray's resource of the node that latencies are measured on, see --device FILE.")] = None

    def config(self, device: DeviceConfig) -> EngineConfig:
        """The engine of the options.

        Raises:
            StudyError: an unknown engine, or what it cannot give a trial.
        """
        from nasbench.search.options import engine_config

        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "jobs"}
        return engine_config(device, **given)

    def workers(self, config: EngineConfig) -> int:
        """Trials at a time."""
        from nasbench.engines.open import room_for

        return room_for(config) if self.jobs is None else self.jobs


@dataclass(frozen=True)
class SearchOptions:
    """What is searched for, where and how long."""

    space: Space = "mbconv"
    latency: Annotated[Text, typer.Option(help="Limit at the network's own input size on the device, such as 20ms.")] = None
    macs: Annotated[Text, typer.Option(help="Limit on multiply-adds, such as 300M.")] = None
    params: Annotated[Text, typer.Option(help="Limit on parameters, such as 5M.")] = None
    memory: Annotated[Text, typer.Option(help="Limit on memory to run, float32 at batch 1, such as 64MiB.")] = None
    size: Annotated[Text, typer.Option(help="Limit on the model's size at the device's precision, such as 4MiB.")] = None
    evaluator: Annotated[
        str, typer.Option(help="What says how good a network is: train, supernet, table, zero-cost, or one of a plugin.")
    ] = "train"
    table: Annotated[Path | None, typer.Option(metavar="FILE", help="Tabular benchmark (JSON) of --evaluator table.")] = None
    metric: Annotated[Text, typer.Option(help="Column of the table that is the accuracy.")] = None
    proxy: Annotated[
        Text, typer.Option(help="Score of --evaluator zero-cost: synflow, naswot, zen, grad-norm, jacob-cov, macs or params.")
    ] = None
    supernet_steps: Annotated[
        int | None, typer.Option(help="Steps of the training of --evaluator supernet; by default about a third of --time.")
    ] = None
    strategy: Annotated[
        str,
        typer.Option(
            help="What proposes networks: predictor, evolution, tpe, nsga2, local, rl (not below 50 trials), random, or one of a plugin."
        ),
    ] = "predictor"
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Option of the strategy, such as population=50; may be repeated.")
    ] = None
    reward: Annotated[str, typer.Option(help="hard or soft (MnasNet), or pareto (accuracy and latency).")] = "hard"
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure latencies although there is no latency limit; else nothing is measured then.")
    ] = False
    trials: Annotated[
        int | None, typer.Option(help="Evaluations of the search; above 36, some train its best networks again. By default --time decides.")
    ] = None
    control: Annotated[str, typer.Option(help="Trials of random search to compare with: equal (as many), small (a quarter), or none.")] = (
        "small"
    )
    time: Annotated[str, typer.Option(help="Time for the whole search, such as 8min.")] = "8min"
    train_time: Annotated[
        Text,
        typer.Option(
            help="Of it, time to train the winner for use, such as 3min, or none; by default two fifths. With --trials it comes on top, "
            "and by default there is none."
        ),
    ] = None
    known: Annotated[Text, typer.Option(help="Known networks to compare with, separated by commas; or none.")] = None
    eta: Annotated[int | None, typer.Option(help="Successive halving: one trial in so many continues from each rung, such as 3.")] = None
    rungs: Annotated[
        Text, typer.Option(help="Its rungs in epochs, such as 1,3,9; the last is the whole training. By default powers of --eta.")
    ] = None

    reuse: Annotated[
        Path | None,
        typer.Option("--from", metavar="STUDY", help="Begin with the trials of another study, for another limit, device or reward."),
    ] = None

    def config(self, training: TrainingOptions, engine: EngineOptions, device: DeviceOptions) -> SearchConfig:
        """The configuration of the options; quantities and names are checked before torch is loaded.

        Raises:
            NasbenchError: a quantity, name, file or device that cannot be.
        """
        from nasbench.search.options import search_config

        given: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        given |= {f.name: getattr(training, f.name) for f in fields(training)}
        device_config = device.choice()
        given |= {"device": device_config, "engine": engine.config(device_config), "jobs": engine.jobs, "option": self.option or ()}
        return search_config(**given)

"""The command `train`: train a network for use."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli.interrupts import on_interrupt
from nasbench.cli.shared import JSON, genotype_of, say, show_json, table
from nasbench.errors import NasbenchError
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.analysis.training import Train
    from nasbench.engines.config import EngineConfig
    from nasbench.export.trained import Trained

Name = Annotated[
    str | None, typer.Argument(metavar="NETWORK", help="A known network, a genotype's .yaml file, or a study's folder (its winner).")
]


def register(app: typer.Typer) -> None:
    app.command()(train)


def train(
    network: Name = None,
    data: Annotated[
        str, typer.Option(help="embedded, fashion-mnist, mnist, cifar10, cifar100, or a folder of class folders; see nasbench data.")
    ] = "embedded",
    data_root: Annotated[Path | None, typer.Option(help="Where downloaded data sets are kept.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe by name (see --recipes), or its .yaml or .json file; by default the one for the data.")
    ] = None,
    time_limit: Annotated[str | None, typer.Option("--time", help="Train as many epochs as fit into so much time, such as 20min.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images; by default as the recipe says.")] = None,
    validation: Annotated[
        str, typer.Option(metavar="kept|none", help="none trains on all training images; by default a fifth is kept for validation.")
    ] = "kept",
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    device: Annotated[str, typer.Option("--device", metavar="cpu|cuda", help="Where the network is trained.")] = "cpu",
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of a process on a CPU; default: all cores.")] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Begin with the weights of this file, of nasbench, torchvision, timm or pytorchcv; classes may differ."),
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="The network that --weights are of, where names do not tell; see `nasbench export --help`.")
    ] = None,
    pretrained: Annotated[
        bool,
        typer.Option(
            "--pretrained", help="Begin with torchvision's weights of a known network, from torch's cache; downloaded if it lacks them."
        ),
    ] = False,
    slices: Annotated[
        bool,
        typer.Option("--slices", help="Take slices of the weights of another network, --like, where layers have the same place and kind."),
    ] = False,
    processes: Annotated[
        int, typer.Option(help="Processes that share each batch: with cuda one for each GPU, with cpu each on its share of the cores.")
    ] = 1,
    engine: Annotated[
        str, typer.Option(help="What runs the training: local (this command) or ray (a trial of Ray, here or on a cluster).")
    ] = "local",
    cpus_per_trial: Annotated[int | None, typer.Option(help="With --engine ray: CPUs, and threads, of the training; default 1.")] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(help="With --engine ray: GPUs of the training, such as 0.5; by default 1 with --device cuda, else 0.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Address of a Ray cluster: auto, HOST:PORT of its head, or ray://HOST:PORT; by default ray starts one."),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(help="Also write metrics for tensorboard, mlflow or wandb into the output folder; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Output folder; default: runs/train-NETWORK-DATA.")] = None,
    recipes: Annotated[bool, typer.Option("--recipes", help="List the recipes, with the sources of their values, and end.")] = False,
    as_json: bool = JSON,
) -> None:
    """Train a network for use: weights, preprocessing, metrics and test accuracy in one folder.

    The same command again continues a training that was stopped, or prints the result of a finished one.

    Example: nasbench train mobilenet_v2 --data cifar10 --time 20min

    Example: nasbench train runs/mbconv-20ms --data ./photos --recipe bag-of-tricks --epochs 90

    Example: nasbench train mobilenet_v3_small --pretrained --data ./photos

    Example: nasbench train resnet50 --data ./photos --device cuda --processes 4

    Example: nasbench train resnet50 --data ./photos --device cuda --engine ray --address auto
    """
    began = time.monotonic()
    if recipes:
        _show_recipes(as_json)
        return
    if network is None:
        raise NasbenchError(
            "a network is needed; got none; name one, such as `nasbench train mobilenet_v2`, or list recipes with --recipes"
        )
    from nasbench.analysis.training import run_train, train_here
    from nasbench.search.final.stored_winner import is_folder, stored_winner
    from nasbench.training.delivery.config import train_config

    chosen = _engine(engine, cpus_per_trial, gpus_per_trial, address, device, threads)
    config = train_config(
        stored_winner(Path(network)) if is_folder(network) else genotype_of(network),
        data=data,
        data_root=data_root,
        recipe=recipe,
        epochs=epochs,
        time=time_limit,
        validation=validation,
        seed=seed,
        device=device,
        threads=threads if chosen is None else chosen.threads,
        weights=weights,
        like=like,
        pretrained=pretrained,
        slices=slices,
        processes=processes,
        log=log or (),
    )
    path = Path("runs") / config.name if out is None else out
    with on_interrupt(lambda: _kept_by(path)), Reporter() as reporter:
        trained = run_train(config, path, reporter, began, train_here if chosen is None else _on_ray(chosen))
    if as_json:
        show_json({"path": str(path), **trained.summary})
    else:
        _show(trained)


def _engine(name: str, cpus: int | None, gpus: float | None, address: str | None, device: str, threads: int | None) -> EngineConfig | None:
    """The engine of the options; None where this process trains.

    Raises:
        NasbenchError: there is no such engine, or an option that it does not have.
    """
    from nasbench.engines.config import EngineConfig

    config = EngineConfig(name=name, cpus=1 if cpus is None else cpus, gpus=gpus or 0.0, address=address)
    if name == "ray":
        if threads is not None:
            raise NasbenchError(
                f"with --engine ray, --cpus-per-trial says how many threads there are; got --threads {threads}; leave it out"
            )
        return replace(config, gpus=1.0) if gpus is None and device == "cuda" else config
    for option, value in (("--cpus-per-trial", cpus), ("--gpus-per-trial", gpus)):
        if value is not None:
            raise NasbenchError(f"{option} is Ray's; got {value:g} with --engine local; add --engine ray, or leave it out")
    return None


def _on_ray(engine: EngineConfig) -> Train:
    from nasbench.analysis.training_on_ray import train_on_ray

    return partial(train_on_ray, engine=engine)


def _show(trained: Trained) -> None:
    """Print what a training gave."""
    summary: Mapping[str, Any] = trained.summary
    side = "x".join(map(str, summary["input"]))
    epochs = "1 epoch" if summary["epochs"] == 1 else f"{summary['epochs']} epochs"
    say(f"{summary['network']} at {side} on {summary['data']}, recipe {summary['recipe']}, {epochs}")
    if summary["validation"] is not None:
        say(f"validation accuracy: {summary['validation']['accuracy']:.2%} on {summary['validation']['images']} images")
    if (test := summary["test"]) is not None:
        say(f"test accuracy: {test['accuracy']:.2%} on {test['images']} images, 95 % interval {test['low']:.2%} to {test['high']:.2%}")
    if (best := summary.get("best")) is not None and best["epoch"] != summary["epochs"]:
        kept = ", in best.safetensors" if best["weights_sha256"] else ""
        say(f"epoch {best['epoch']} had the best validation accuracy, {best['accuracy']:.2%}{kept}; the last epoch is delivered")
    say(f"wrote {trained.path}: weights.safetensors, genotype.yaml, preprocess.json, metrics.csv, curve.png, summary.json")


def _kept_by(path: Path) -> str:
    """What an interrupted training keeps, and how to continue it."""
    if not (path / "train.yaml").is_file():
        return "interrupted before the training began; give the same command again"
    kept = (
        "what was trained until the last checkpoint" if (path / "checkpoint.bin").is_file() else "its plan; no checkpoint was written yet"
    )
    return f"interrupted; {shlex.quote(str(path))} keeps {kept}; give the same command again to continue"


def _show_recipes(as_json: bool) -> None:
    from nasbench.training.recipes import find_recipe, recipe_names

    named = [find_recipe(name) for name in recipe_names()]
    if as_json:
        show_json([{"name": n.name, "about": n.about, "source": n.source, "fields": n.recipe.to_dict()} for n in named])
        return
    table(("recipe", ">epochs", "what it is for", "source"), [(n.name, n.recipe.epochs, n.about, n.source) for n in named])

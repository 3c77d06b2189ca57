"""Options, as people write them, into configurations: the same names and errors for commands and for `nasbench.search`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nasbench.engines.config import EngineConfig
from nasbench.engines.open import room_for
from nasbench.errors import NasbenchError, StudyError
from nasbench.files import read_json
from nasbench.genotype.units import parse_count, parse_duration, parse_latency, parse_memory
from nasbench.latency import DeviceConfig
from nasbench.search.config import KNOWN, SearchConfig
from nasbench.search.limits import Limits
from nasbench.search.rungs import ALL_AT_ONCE, ETA, Rungs
from nasbench.spaces import load_space
from nasbench.training.proxy import FITTED
from nasbench.training.recipe import PROXY, Recipe


def search_config(
    *,
    space: str = "mbconv",
    latency: str | None = None,
    macs: str | None = None,
    params: str | None = None,
    memory: str | None = None,
    size: str | None = None,
    evaluator: str = "train",
    table: str | Path | None = None,
    metric: str | None = None,
    proxy: str | None = None,
    supernet_steps: int | None = None,
    strategy: str = SearchConfig.strategy,
    option: Sequence[str] | Mapping[str, Any] = (),
    reward: str = "hard",
    measure: bool = False,
    trials: int | None = None,
    control: str = SearchConfig.control,
    time: str = "8min",
    train_time: str | None = None,
    known: str | None = None,
    eta: int | None = None,
    rungs: str | None = None,
    data: str = "embedded",
    data_root: str | None = None,
    seed: int = 0,
    recipe: str | Path | None = None,
    epochs: int | None = None,
    reuse: str | Path | None = None,
    engine: EngineConfig | None = None,
    jobs: int | None = None,
    device: DeviceConfig | None = None,
) -> SearchConfig:
    """The configuration of a search from the options of `nasbench search`; quantities are text such as `20ms`, `300M` or `8min`.

    Raises:
        NasbenchError: a quantity, name, file or device that cannot be.
    """
    device = device or DeviceConfig()
    engine = engine or engine_config(device)
    limits = read_limits(latency, macs, params, memory, size)
    load_space(space)
    seconds = parse_duration(time)
    steps = None if rungs is None else _numbers(rungs)
    trained_by = read_recipe(recipe, epochs, default_epochs=steps[-1] if steps else None)
    open_fields = fields_left_open(recipe, epochs, scheduled=steps is not None or eta is not None)
    schedule = ALL_AT_ONCE
    if steps is not None:
        schedule = Rungs(steps, ETA if eta is None else eta)
    elif eta is not None:
        schedule = Rungs.geometric(trained_by.epochs, eta)
    own = {"table": None if table is None else str(table), "metric": metric, "proxy": proxy, "supernet_steps": supernet_steps}
    return SearchConfig(
        space=space,
        limits=limits,
        evaluator=evaluator,
        evaluator_options={name: value for name, value in own.items() if value is not None},
        data=data,
        data_root=data_root,
        strategy=strategy,
        options=read_options(option),
        mode=reward,  # type: ignore[arg-type] # SearchConfig checks it
        seed=seed,
        trials=trials,
        control=control,
        time_s=seconds,
        train_s=read_train_time(train_time),
        workers=room_for(engine) if jobs is None else jobs,
        device=device,
        engine=engine,
        known=_known(known),
        recipe=trained_by,
        open_fields=open_fields,
        rungs=schedule,
        reuse=None if reuse is None else str(Path(reuse)),
        measure=measure,
    )


def read_limits(
    latency: str | None = None, macs: str | None = None, params: str | None = None, memory: str | None = None, size: str | None = None
) -> Limits:
    """The limits of their options; each is text such as `20ms`, `300M`, `5M`, `64MiB` and `8MiB`.

    Raises:
        NasbenchError: a text that is no such quantity.
    """
    return Limits(
        latency_ms=None if latency is None else parse_latency(latency),
        macs=None if macs is None else parse_count(macs),
        params=None if params is None else parse_count(params),
        memory_bytes=None if memory is None else parse_memory(memory),
        size_bytes=None if size is None else parse_memory(size),
    )


def read_train_time(text: str | None) -> float | None:
    """Seconds in which a network is trained for use; `none` is zero, and None stays None."""
    if text is None:
        return None
    return 0.0 if text.strip() == "none" else parse_duration(text)


def engine_config(
    device: DeviceConfig,
    *,
    engine: str = "local",
    cpus_per_trial: float = 1.0,
    gpus_per_trial: float | None = None,
    address: str | None = None,
    measure_on: str | None = None,
) -> EngineConfig:
    """The engine of the options; by default trials train on a GPU where latency is that of the GPU here.

    Raises:
        StudyError: an unknown engine, or what it cannot give a trial.
    """
    gpus = gpus_per_trial
    if gpus is None:
        gpus = 1.0 if device.device == "cuda" else 0.0
    return EngineConfig(name=engine, cpus=cpus_per_trial, gpus=gpus, address=address, measure_on=measure_on)


def read_recipe(path: str | Path | None, epochs: int | None = None, default_epochs: int | None = None) -> Recipe:
    """The recipe of a JSON file; `default_epochs` where neither the file nor `epochs` says how many.

    Raises:
        NasbenchError: there is no such file, or it holds no recipe.
    """
    fields = {} if path is None else _read_json(Path(path))
    if epochs is not None:
        fields["epochs"] = epochs
    elif default_epochs is not None:
        fields.setdefault("epochs", default_epochs)
    return Recipe.from_dict(fields) if fields else PROXY


def fields_left_open(path: str | Path | None, epochs: int | None = None, *, scheduled: bool = False) -> tuple[str, ...]:
    """The fields of the recipe that the user leaves to the data.

    Args:
        scheduled: the epochs follow from the rungs of successive halving.
    """
    given = {} if path is None else _read_json(Path(path))
    chosen = set(given) | ({"epochs"} if scheduled or epochs is not None or "images" in given else set())
    return tuple(name for name in FITTED if name not in chosen)


def read_options(options: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Options of a strategy: `["population=50"]`, or a mapping; values are written as in YAML.

    Raises:
        StudyError: an option that is not `NAME=VALUE`, or stands twice.
    """
    if isinstance(options, Mapping):
        return dict(options)
    read: dict[str, Any] = {}
    for text in options:
        name, separator, value = text.partition("=")
        if not separator or not name.isidentifier() or name in read:
            raise StudyError(f"an option of a strategy is NAME=VALUE and is given once, such as population=50; got {text!r}")
        try:
            read[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise StudyError(f"the value of an option is a number, a text, true or false; got {text!r}") from None
    return read


def _known(text: str | None) -> tuple[str, ...]:
    """The names of `--known`: by default KNOWN, and none of them for `none`."""
    if not text:
        return KNOWN
    names = tuple(name.strip() for name in text.split(","))
    return () if names == ("none",) else names


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
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise NasbenchError(f"a recipe is a JSON file with fields such as epochs and lr; {path}: {error}") from None
    if not isinstance(content, dict):
        raise NasbenchError(f"a recipe is a JSON mapping of fields such as epochs and lr; {path} holds {type(content).__name__}")
    return content

"""The commands as Python functions: `nasbench.search`, `nasbench.train`, `nasbench.measure` and `nasbench.predict_latency`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, Network, as_genotype
from nasbench.latency import DeviceConfig, Measurement, Prediction, Predictor, Profile, is_local
from nasbench.latency import measure as measure_networks

if TYPE_CHECKING:
    from nasbench.analysis.study import Study
    from nasbench.export.trained import Trained
    from nasbench.search.config import SearchConfig
    from nasbench.search.reporting import Listener
    from nasbench.search.run import Outcome, ShowPlan
    from nasbench.training.recipe import Recipe


def search(
    space: str = "mbconv",
    *,
    latency: str | None = None,
    name: str | None = None,
    runs: str | Path = "runs",
    device: str = "cpu",
    runtime: str | None = None,
    threads: int | None = None,
    batch: int | None = None,
    precision: str | None = None,
    memory_format: str | None = None,
    engine: str = "local",
    cpus_per_trial: float = 1.0,
    gpus_per_trial: float | None = None,
    address: str | None = None,
    measure_on: str | None = None,
    progress: bool = True,
    **options: Any,
) -> Study:
    """Find the best network within a latency limit, as `nasbench search` does; the same call again resumes the study.

    Args:
        space: name of a space, or its YAML file.
        latency: limit at the network's own input size on the device, such as `20ms`.
        name, runs: the study is the folder `runs/name`; by default the name is made from the options.
        device, runtime, threads, batch, precision, memory_format: the device that the limit is meant for.
        engine, cpus_per_trial, gpus_per_trial, address, measure_on: what runs the trials.
        progress: show a bar, in a terminal and in a notebook.
        options: every other option of `nasbench search --help`, under its own name with `_` for `-`: `macs="300M"`,
            `trials=30`, `time="8min"`, `data="./photos"`, `strategy="tpe"`, `option={"startup": 5}`.

    Returns:
        The finished study; see `open_study`. `study.best()` is None where no network keeps the limit.

    Raises:
        NasbenchError: an option that cannot be, with the rule, the value, and what to do.

    Example:
        Accuracies come from a tabular benchmark here, and the device is elsewhere, so nothing is trained or measured:

        >>> study = search("tiny", latency="0.8ms", device="phone.json", evaluator="table", table="tiny.json", trials=6, progress=False)
        >>> study.path.name, bool(study.best()["latency_ms"] < 0.8)
        ('tiny-0.8ms-phone-table', True)
    """
    from nasbench.engines.ray.addresses import remember_address
    from nasbench.progress import Reporter
    from nasbench.search.options import engine_config, search_config
    from nasbench.study.directory import study_path

    where = DeviceConfig(device, runtime, threads, batch, precision, memory_format)
    runs_on = engine_config(
        where, engine=engine, cpus_per_trial=cpus_per_trial, gpus_per_trial=gpus_per_trial, address=address, measure_on=measure_on
    )
    config = search_config(space=space, latency=latency, device=where, engine=runs_on, **options)
    remember_address(address)
    with Reporter(quiet=not progress) as reporter:
        return run_study(config, study_path(runs, name or config.name()), reporter, lambda *_: None)[1]


def run_study(config: SearchConfig, path: Path, listener: Listener, show_plan: ShowPlan) -> tuple[Outcome, Study]:
    """Run the search of a configuration at `path`, or resume it, write its front and picture, and train its winner for use."""
    from nasbench.analysis.plots.study import save_front
    from nasbench.analysis.study import open_study
    from nasbench.search.probe.problem import probe_first
    from nasbench.search.problem import open_problem
    from nasbench.search.run import run_search
    from nasbench.study.directory import STUDY_FILE, StudyDirectory

    began = monotonic()
    new = not (path / STUDY_FILE).is_file()
    if not new:
        config = config.continuing(StudyDirectory.open(path).command)
    profile = stored_profile_of(config, path)
    if profile is not None:
        problem = open_problem(config, profile.device).predicting(profile)
    else:
        device, profile = config.device.resolve()
        problem = open_problem(config, device)
        problem = problem if profile is None else problem.predicting(profile)
    problem = probe_first(config, problem, listener) if new else problem
    outcome = run_search(problem, path, listener, show_plan, monotonic() - began)
    study = open_study(path)
    if study.summary() or not study.front().empty:  # with successive halving, perhaps only the final round trained to the end
        study.write_front()
        save_front(study)
    if outcome.choice.delivered is not None and problem.config.training_s:
        from nasbench.analysis.training import run_train
        from nasbench.search.final.stored_winner import stored_winner
        from nasbench.search.final.training_for_use import train_for_use  # with torch, which a search needs in other processes only

        left_s = config.time_s - (monotonic() - began) if new and config.trials is None else 0.0
        train_for_use(problem.config, path, stored_winner(path), problem.evaluator.data.summary, left_s, run_train, listener)
    return outcome, study


def stored_profile_of(config: SearchConfig, path: Path) -> Profile | None:
    """The profile in the study at `path`, if its device came from a file.

    The file may be gone by now, or hold another device; the study keeps the device that it began with.
    """
    from nasbench.search.device_profile import studied_profile
    from nasbench.study.directory import PROFILE_FILE

    return studied_profile(path) if config.device.is_file and (path / PROFILE_FILE).exists() else None


def train(
    network: Network,
    *,
    data: str = "embedded",
    data_root: str | Path | None = None,
    recipe: str | Path | Recipe | Mapping[str, Any] | None = None,
    epochs: int | None = None,
    time: str | None = None,
    validation: str = "kept",
    seed: int = 0,
    device: str = "cpu",
    threads: int | None = None,
    weights: str | Path | None = None,
    like: str | None = None,
    pretrained: bool = False,
    slices: bool = False,
    processes: int = 1,
    log: str | Sequence[str] = (),
    out: str | Path | None = None,
    progress: bool = True,
) -> Trained:
    """Train a network for use, as `nasbench train` does; the same call again continues a training that was stopped.

    Args:
        network: as in `measure`, or the folder of a study, whose winner is trained.
        data, data_root: the images: a name, or a folder of class folders.
        recipe: a name (`nasbench train --recipes`), a file, a `Recipe` or its fields; by default the one for the data.
        epochs, time: passes over the training images, or a time such as `"20min"` into which they fit; by default the recipe's epochs.
        validation: `kept` keeps a fifth of the training images to validate on, `none` trains on all of them.
        seed, device, threads, weights, like, pretrained, slices, processes, log, out: as the options of `nasbench train`.
        progress: show a bar.

    Returns:
        The result: `.path`, `.accuracy`, `.test_accuracy`, `.test_interval`, `.summary`, and `.network()`, the trained module.

    Raises:
        NasbenchError: an option that cannot be; or see `nasbench.analysis.training.run_train`.

    Example:
        >>> trained = train("lenet5", recipe={"images": 200}, epochs=1, threads=1, out="lenet", progress=False)
        >>> trained.path.name, trained.summary["epochs"]
        ('lenet', 1)
    """
    from nasbench.analysis.training import run_train
    from nasbench.progress import Reporter
    from nasbench.search.final.stored_winner import winner_or_network
    from nasbench.training.delivery.config import train_config

    began = monotonic()
    config = train_config(
        winner_or_network(network),
        data=data,
        data_root=data_root,
        recipe=recipe,
        epochs=epochs,
        time=time,
        validation=validation,
        seed=seed,
        device=device,
        threads=threads,
        weights=weights,
        like=like,
        pretrained=pretrained,
        slices=slices,
        processes=processes,
        log=log,
    )
    with Reporter(quiet=not progress) as reporter:
        return run_train(config, Path("runs") / config.name if out is None else Path(out), reporter, began)


def measure(
    networks: Network | Mapping[str, Network] | Sequence[Network],
    *,
    device: str = "cpu",
    runtime: str | None = None,
    threads: int | None = None,
    batch: int | None = None,
    precision: str | None = None,
    memory_format: str | None = None,
    max_seconds: float = 30.0,
) -> Measurement | dict[str, Measurement]:
    """Measure the latency of networks on a device of this machine, in processes of their own, while nothing else should run.

    Args:
        networks: one network, or several: a mapping of names, or a sequence, whose networks' own names are then used. Each is a
            genotype, the name of a known network, a .yaml file, or a module that `nasbench.build` made.
        device, runtime, threads, batch, precision, memory_format: as the options of `nasbench search`.
        max_seconds: for all of them together.

    Returns:
        The measurement in milliseconds with its 95 % interval: `.median_ms`, `.low_ms`, `.high_ms`, `.noisy`; for several
        networks a dictionary by name.

    Raises:
        DeviceError: the device is not this machine's, is missing, or cannot be measured.

    Example:
        >>> import nasbench as nb
        >>> m = nb.measure(nb.space("tiny").sample(0), max_seconds=1.0)
        >>> 0 < m.low_ms <= m.median_ms <= m.high_ms
        True
    """
    target, _ = DeviceConfig(device, runtime, threads, batch, precision, memory_format).resolve()
    if not is_local(target):
        raise DeviceError(f"a latency is measured on its own device; {target} is not this machine; use predict_latency, or measure there")
    single = not isinstance(networks, Mapping | Sequence) or isinstance(networks, str)
    results = measure_networks(_named(networks), target, max_seconds=max_seconds)
    return next(iter(results.values())) if single else dict(results)


def predict_latency(
    networks: Network | Mapping[str, Network] | Sequence[Network],
    *,
    device: str = "cpu",
    runtime: str | None = None,
    threads: int | None = None,
    batch: int | None = None,
    precision: str | None = None,
    memory_format: str | None = None,
) -> Prediction | dict[str, Prediction]:
    """Predict the latency of networks from the stored profile of a device; nothing is built or run.

    Args:
        networks: one network, or several: a mapping of names, or a sequence, whose networks' own names are then used. Each is a
            genotype, the name of a known network, a .yaml file, or a module that `nasbench.build` made.
        device: `cpu` or `cuda` of this machine, or a profile's file; the others as the options of `nasbench search`.

    Returns:
        The prediction in milliseconds with its 90 % interval: `.ms`, `.low_ms`, `.high_ms`; for several networks a
        dictionary by name.

    Raises:
        DeviceError: the device was never profiled; `nasbench device profile` does that in two minutes.

    Example:
        >>> import nasbench as nb
        >>> p = nb.predict_latency("mobilenet_v2", device="studies/data/mbconv-20ms/profile.json")
        >>> f"{p.ms:.1f} ms [{p.low_ms:.1f}, {p.high_ms:.1f}]"
        '14.9 ms [12.5, 17.7]'
    """
    from nasbench.search.device_profile import stored_profile

    target, profile = DeviceConfig(device, runtime, threads, batch, precision, memory_format).resolve()
    profile = profile or stored_profile(target)
    if profile is None:
        raise DeviceError(f"a prediction needs a profile of the device; {target} has none; make one with: nasbench device profile")
    predictor = Predictor(profile)
    single = not isinstance(networks, Mapping | Sequence) or isinstance(networks, str)
    results = {name: predictor.predict(g) for name, g in _named(networks).items()}
    return next(iter(results.values())) if single else results


def _named(networks: Network | Mapping[str, Network] | Sequence[Network]) -> dict[str, Genotype]:
    if isinstance(networks, Mapping):
        return {name: as_genotype(network) for name, network in networks.items()}
    if isinstance(networks, str) or not isinstance(networks, Sequence):
        return {"network": as_genotype(networks)}
    named: dict[str, Genotype] = {}
    for g in map(as_genotype, networks):
        if g.name in named:
            raise DeviceError(f"several networks are told apart by their names; two are called {g.name}; give a mapping of names")
        named[g.name] = g
    return named

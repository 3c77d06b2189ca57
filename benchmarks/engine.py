"""The overhead of a trial with each engine, compared in one run. `python benchmarks/engine.py [--help]`.

The same jobs run everywhere: 40 that do nothing and 40 that sleep for 2 s, two at a time. They run

- with our two engines, where one driver takes each trial from our ledger and records its result there;
- with Optuna alone and `n_jobs=2`: threads in one process, so that nothing isolates a trial;
- with Ray Tune and its OptunaSearch, by default and with `reuse_actors`.

Optuna's storage is SQLite in all of them. The overhead of a trial is the wall time of the run beyond the jobs themselves, from the
first submission to the last answer, divided by the number of trials. The overhead after the first result counts from the first answer
on, so it leaves out the start of processes. Nothing but the sleep is subtracted. Our engine's overhead includes the start of Ray, before
its first result; for OptunaSearch, Ray was started before. The order of the runs alternates; medians and ranges are over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from sleeping_trial import sleeping_trial

from nasbench.engines.base import Engine
from nasbench.engines.local.engine import LocalEngine
from nasbench.engines.ray.engine import RayEngine
from nasbench.genotype import Block, Genotype
from nasbench.latency.processor import cpu_name
from nasbench.strategies import make_strategy
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger

WORKERS = 2
STOPPED_S = 3.0  # longer than the interpreter takes to load a library
PARAMETERS = 10  # of the space; Optuna alone has as many


def chain(choose: Callable[..., Any]) -> Genotype:
    """A space of 4^10 networks that are quick to trace."""
    blocks = tuple(Block("conv", {"width": choose(f"{i}.width", [4, 8, 12, 16])}) for i in range(PARAMETERS))
    return Genotype("chain", (3, 16, 16), stages=(blocks,), head=(Block("gap"), Block("linear", {"width": 10})))


def ours(open_engine: Callable[[], Engine], trials: int, seconds: float, folder: Path) -> list[float]:
    """Seconds from the first submission to each answer; the ledger records every trial."""
    with StudyDirectory.create(folder / "study", {"space": "chain"}) as study, Ledger.open(study) as ledger, open_engine() as engine:
        phase = ledger.phase("search", ("maximize",), make_strategy("random", 0), 0)
        submitted, ends = 0, []
        start = time.perf_counter()
        while len(ends) < trials:
            while submitted < trials and engine.free:
                trial = phase.ask(chain)
                if trial is None:
                    raise RuntimeError("the space is exhausted")
                engine.submit(trial.number, sleeping_trial, (seconds, trial.genotype))
                submitted += 1
            for finished in engine.wait():
                if finished.end != "result":
                    raise RuntimeError(finished.reason)
                phase.tell(
                    int(str(finished.key)), {"status": "ok", "values": [finished.result], "accuracy": finished.result, "seconds": 0.0}
                )
                ends.append(time.perf_counter() - start)
    return ends


def local(trials: int, seconds: float, folder: Path) -> list[float]:
    return ours(lambda: LocalEngine(WORKERS, preload=("torch",)), trials, seconds, folder)


def ray(trials: int, seconds: float, folder: Path) -> list[float]:
    return ours(lambda: RayEngine(WORKERS, preload=("torch",)), trials, seconds, folder)


def optuna_alone(trials: int, seconds: float, folder: Path) -> list[float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{folder}/study.db", sampler=optuna.samplers.RandomSampler(seed=0), direction="maximize")
    ends = []
    start = time.perf_counter()

    def objective(trial: Any) -> float:
        widths = [trial.suggest_categorical(f"{i}.width", [4, 8, 12, 16]) for i in range(PARAMETERS)]
        return sleeping_trial((seconds, str(widths)))

    study.optimize(objective, n_trials=trials, n_jobs=WORKERS, callbacks=[lambda *_: ends.append(time.perf_counter() - start)])
    return ends


def optuna_search(trials: int, seconds: float, folder: Path, *, reuse: bool = False) -> list[float]:
    """Tune with OptunaSearch, on a cluster like the one that our engine starts."""
    from nasbench.engines.ray.cluster import connected

    with connected(None, 0.0):
        import optuna
        from ray import tune
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        ends: list[float] = []
        start = time.perf_counter()

        class Note(tune.Callback):
            def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
                ends.append(time.perf_counter() - start)

        def work(values: dict[str, Any]) -> None:
            time.sleep(seconds)  # Tune does not send the module of `sleeping_trial` to its workers
            tune.report({"accuracy": len(str(values)) / 1000})

        space = {f"{i}.width": optuna.distributions.CategoricalDistribution([4, 8, 12, 16]) for i in range(PARAMETERS)}
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
        search = OptunaSearch(space=space, metric="accuracy", mode="max", sampler=optuna.samplers.RandomSampler(seed=0), storage=storage)
        config = tune.TuneConfig(search_alg=search, num_samples=trials, max_concurrent_trials=WORKERS, reuse_actors=reuse)
        run = tune.RunConfig(storage_path=str(folder), callbacks=[Note()], verbose=0)
        results = tune.Tuner(tune.with_resources(work, {"cpu": 1}), tune_config=config, run_config=run).fit()
        if results.errors:
            raise results.errors[0]
    return ends


RUNNERS: dict[str, Callable[[int, float, Path], list[float]]] = {
    "nasbench, local": local,
    "nasbench, ray": ray,
    "Optuna alone, n_jobs=2": optuna_alone,
    "Tune + OptunaSearch": optuna_search,
    "Tune + OptunaSearch, actors used again": lambda trials, seconds, folder: optuna_search(trials, seconds, folder, reuse=True),
}


def overhead(ends: list[float], seconds: float) -> dict[str, float]:
    """Milliseconds of a trial beyond its job, and the seconds before the first answer."""
    if len(ends) % WORKERS:
        raise ValueError(f"{len(ends)} trials do not fill {WORKERS} workers")
    ends = sorted(ends)
    trials = len(ends)
    whole = ends[-1] - seconds * trials / WORKERS
    # At the first answer, the other jobs of its round are running. What remains are the jobs of the rounds after it.
    rest = ends[-1] - ends[0] - seconds * (trials / WORKERS - 1)
    return {"a_trial_ms": 1e3 * whole / trials, "after_first_ms": 1e3 * rest / (trials - 1), "first_s": ends[0] - seconds}


class Watch:
    """Notices when this process was stopped or had no processor for long: a time measured meanwhile is worthless."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        before = time.monotonic()
        while not self._done.wait(0.05):
            now = time.monotonic()
            self.longest, before = max(self.longest, now - before), now

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def timed(name: str, trials: int, seconds: float) -> dict[str, float]:
    """The overhead in one run. A run that was stopped is repeated."""
    while True:
        with tempfile.TemporaryDirectory(prefix="nasbench-bench-") as folder, Watch() as watch:
            result = overhead(RUNNERS[name](trials, seconds, Path(folder)), seconds)
        if watch.longest < STOPPED_S:
            return result
        print(f"# {seconds:g} s, {name}: stopped for {watch.longest:.0f} s; repeated", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the trials that do nothing (default: 3); those of 2 s run once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    options = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    for seconds, rounds in ((0.0, options.rounds), (2.0, 1)):
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in RUNNERS}
        for turn in range(rounds):
            for name in list(RUNNERS) if turn % 2 == 0 else reversed(RUNNERS):
                runs[name].append(timed(name, options.trials, seconds))
                print(f"# {seconds:g} s, {name}: {runs[name][-1]}", flush=True)
        rows |= {f"{name}, trials of {seconds:g} s": summary(of_name) for name, of_name in runs.items()}
    results = {
        "benchmark": "engine",
        "about": " ".join((__doc__ or "").split()),
        "machine": f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores",
        "load": ", ".join(f"{x:.1f}" for x in os.getloadavg()),
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "optuna", "ray")},
        "trials": options.trials,
        "workers": WORKERS,
        "rows": rows,
    }
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Medians over rounds; with several rounds also ranges."""
    medians: dict[str, Any] = {key: median(run[key] for run in runs) for key in runs[0]} | {"n": len(runs)}
    if len(runs) > 1:
        medians |= {f"{key}_range": [min(run[key] for run in runs), max(run[key] for run in runs)] for key in runs[0]}
    return medians


def show(results: dict[str, Any]) -> None:
    print(f"\n{results['machine']}; {results['date']}, load {results['load']}, {results['trials']} trials, {WORKERS} at a time")
    print(f"{'overhead':60s} {'a trial':>10s} {'after first':>12s} {'first after':>12s}")
    for name, row in results["rows"].items():
        print(f"{name:60s} {row['a_trial_ms']:7.0f} ms {row['after_first_ms']:9.0f} ms {row['first_s']:10.1f} s")


if __name__ == "__main__":
    main()

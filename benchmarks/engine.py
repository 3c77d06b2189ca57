"""What an engine costs a trial, side by side in one run. `python benchmarks/engine.py [--help]`.

The same jobs, 40 that do nothing and 40 that sleep for 2 s, two at a time, through our two engines, each with a ledger of ours that
is asked before and told after every trial by one driver; through Optuna alone with `n_jobs=2` (threads in one process: nothing
isolates a trial); and through Ray Tune with its OptunaSearch, as it comes and with `reuse_actors`. Optuna's storage is SQLite in all of
them. The overhead of a trial is what the run took beyond the jobs themselves, from the first submission to the last answer, over the
number of trials; after the first result: the same from the first answer on, without what starting takes. Both are of the wall
clock, with two trials at a time; nothing is subtracted but the sleep. Starting Ray is part of
our engine's figure, until the first result; for OptunaSearch it was started before. Rounds take turns, medians and ranges are over rounds.
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
from nasbench.strategies import strategy
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger

WORKERS = 2
STOPPED_S = 3.0  # more than loading a library takes the interpreter
OPTIONS = 10  # questions of the space, as many for Optuna's own


def chain(choose: Callable[..., Any]) -> Genotype:
    """A space of 4^10 networks that are traced in no time."""
    rows = tuple(Block("conv", {"width": choose(f"{i}.width", [4, 8, 12, 16])}) for i in range(OPTIONS))
    return Genotype("chain", (3, 16, 16), stages=(rows,), head=(Block("gap"), Block("linear", {"width": 10})))


def ours(make: Callable[[], Engine], trials: int, seconds: float, folder: Path) -> list[float]:
    """When each answer came, from the first submission on, with the ledger told of every one."""
    with StudyDirectory.create(folder / "study", {"space": "chain"}) as study, Ledger.open(study) as ledger, make() as engine:
        phase = ledger.phase("search", ("maximize",), strategy("random", 0), 0)
        begun, ends = 0, []
        start = time.perf_counter()
        while len(ends) < trials:
            while begun < trials and engine.free:
                asked = phase.ask(chain)
                if asked is None:
                    raise RuntimeError("the space is exhausted")
                engine.submit(asked.number, sleeping_trial, (seconds, asked.genotype.to_yaml()))
                begun += 1
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
        words = [trial.suggest_categorical(f"{i}.width", [4, 8, 12, 16]) for i in range(OPTIONS)]
        return sleeping_trial((seconds, str(words)))

    study.optimize(objective, n_trials=trials, n_jobs=WORKERS, callbacks=[lambda *_: ends.append(time.perf_counter() - start)])
    return ends


def optuna_search(trials: int, seconds: float, folder: Path, *, reuse: bool = False) -> list[float]:
    """Tune with OptunaSearch, in the Ray cluster that our engine would start."""
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

        def work(drawn: dict[str, Any]) -> None:
            time.sleep(seconds)  # Tune does not take the module of `sleeping_trial` along
            tune.report({"accuracy": len(str(drawn)) / 1000})

        space = {f"{i}.width": optuna.distributions.CategoricalDistribution([4, 8, 12, 16]) for i in range(OPTIONS)}
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
        search = OptunaSearch(space=space, metric="accuracy", mode="max", sampler=optuna.samplers.RandomSampler(seed=0), storage=storage)
        config = tune.TuneConfig(search_alg=search, num_samples=trials, max_concurrent_trials=WORKERS, reuse_actors=reuse)
        run = tune.RunConfig(storage_path=str(folder), callbacks=[Note()], verbose=0)
        results = tune.Tuner(tune.with_resources(work, {"cpu": 1}), tune_config=config, run_config=run).fit()
        if results.errors:
            raise results.errors[0]
    return ends


WAYS: dict[str, Callable[[int, float, Path], list[float]]] = {
    "nasbench, local": local,
    "nasbench, ray": ray,
    "Optuna alone, n_jobs=2": optuna_alone,
    "Tune + OptunaSearch": optuna_search,
    "Tune + OptunaSearch, actors used again": lambda trials, seconds, folder: optuna_search(trials, seconds, folder, reuse=True),
}


def overhead(ends: list[float], seconds: float) -> dict[str, float]:
    """Milliseconds a trial that the jobs do not explain."""
    if len(ends) % WORKERS:
        raise ValueError(f"{len(ends)} trials do not fill {WORKERS} workers")
    ends = sorted(ends)
    trials = len(ends)
    whole = ends[-1] - seconds * trials / WORKERS
    # After the first answer the others of its round are under way; the rounds that follow take their time.
    rest = ends[-1] - ends[0] - seconds * (trials / WORKERS - 1)
    return {"a_trial_ms": 1e3 * whole / trials, "after_first_ms": 1e3 * rest / (trials - 1), "first_s": ends[0] - seconds}


class Watch:
    """Notices when this process was stopped, or had no processor for long: what was timed meanwhile counts for nothing."""

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
    """One run, made again until nothing stopped it."""
    while True:
        with tempfile.TemporaryDirectory(prefix="nasbench-bench-") as folder, Watch() as watch:
            found = overhead(WAYS[name](trials, seconds, Path(folder)), seconds)
        if watch.longest < STOPPED_S:
            return found
        print(f"# {seconds:g} s, {name}: stopped for {watch.longest:.0f} s; again", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="of the trivial trials; those of 2 s are run once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    for seconds, rounds in ((0.0, asked.rounds), (2.0, 1)):
        found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
        for turn in range(rounds):
            for name in list(WAYS) if turn % 2 == 0 else reversed(WAYS):
                found[name].append(timed(name, asked.trials, seconds))
                print(f"# {seconds:g} s, {name}: {found[name][-1]}", flush=True)
        rows |= {f"{name}, trials of {seconds:g} s": summary(runs) for name, runs in found.items()}
    figures = {
        "benchmark": "engine",
        "about": " ".join((__doc__ or "").split()),
        "machine": f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores",
        "load": ", ".join(f"{x:.1f}" for x in os.getloadavg()),
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "optuna", "ray")},
        "trials": asked.trials,
        "workers": WORKERS,
        "rows": rows,
    }
    show(figures)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Medians, and ranges where there are several."""
    found: dict[str, Any] = {key: median(run[key] for run in runs) for key in runs[0]} | {"n": len(runs)}
    if len(runs) > 1:
        found |= {f"{key}_range": [min(run[key] for run in runs), max(run[key] for run in runs)] for key in runs[0]}
    return found


def show(f: dict[str, Any]) -> None:
    print(f"\n{f['machine']}; {f['date']}, load {f['load']}, {f['trials']} trials, {WORKERS} at a time")
    print(f"{'overhead':60s} {'a trial':>10s} {'after first':>12s} {'first after':>12s}")
    for name, row in f["rows"].items():
        print(f"{name:60s} {row['a_trial_ms']:7.0f} ms {row['after_first_ms']:9.0f} ms {row['first_s']:10.1f} s")


if __name__ == "__main__":
    main()

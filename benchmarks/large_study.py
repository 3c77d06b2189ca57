"""A study of 2,000 trials: how long it takes to read it, and how much memory its driver needs.

    python benchmarks/large_study.py --out benchmarks/results/large_study.json

The driver is that of `nasbench search --space mbconv`, with the evaluator `train` on the embedded images. Its engine answers at once with a
formula instead of training, so that only the driver is measured. Memory is read before the first trial and after the last. Then a fresh
process opens the study and asks for everything twice. Times are CPU seconds, which other work on the machine changes less than wall time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROFILE = Path(__file__).parents[1] / "studies" / "data" / "mbconv-20ms" / "profile.json"
CALLS = ("records", "trials", "front", "hypervolume", "best", "state")


def memory_mb() -> dict[str, int]:
    """The memory of this process: all of it, the part that no file backs, and the highest so far."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    names = {"VmRSS": "all", "RssAnon": "anonymous", "VmHWM": "highest"}
    return {name: int(status[key].split()[0]) // 1024 for key, name in names.items()}


class Formula:
    """An engine whose workers answer at once: the more multiply-adds, the better."""

    def __init__(self, *_: Any) -> None:
        self.workers, self.time_limit_s, self.running, self._waiting = 2, None, [], []

    free = property(lambda self: self.workers - len(self._waiting))

    def submit(self, key: Any, function: Any, call: Any) -> None:
        self._waiting.append((key, call))

    def wait(self, timeout: float | None = None) -> list[Any]:
        from nasbench.engines.base import Finished
        from nasbench.genotype import Genotype, cost

        waiting, self._waiting = self._waiting, []
        results = []
        for key, call in waiting:
            macs = cost(Genotype.from_yaml(call.genotype)).macs
            record = {"status": "ok", "accuracy": 1 - 1e6 / (1e6 + macs), "seconds": 1.0, "images_per_second": 1000.0}
            results.append(Finished(key, "result", record, seconds=0.01))
        return results

    def __enter__(self) -> Formula:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def drive(path: Path, trials: int) -> None:
    """Run the phases of a search, and print what the driver needs."""
    from nasbench.latency import DeviceConfig
    from nasbench.progress import Reporter
    from nasbench.search import plan, run
    from nasbench.search.final import final_round
    from nasbench.search.options import search_config
    from nasbench.search.problem import open_problem

    device = DeviceConfig(str(PROFILE))
    config = search_config(space="mbconv", latency="20ms", trials=trials // 2, jobs=2, device=device)
    resolved, profile = config.device.resolve()
    problem = open_problem(config, resolved).predicting(profile)
    measured: dict[str, Any] = {}

    def before(*_: Any) -> None:
        measured["before_the_first_trial_mb"] = memory_mb()

    class Ended(Exception):
        """The phases are done; the final round is another matter."""

    def end(*_: Any) -> None:
        measured["after_the_last_trial_mb"] = memory_mb()
        raise Ended

    plan.open_engine = Formula  # type: ignore[assignment]
    final_round.FinalRound.run = end  # type: ignore[method-assign]
    began = time.process_time()
    try:
        with Reporter(quiet=True) as reporter:
            run.run_search(problem, path, reporter, before)
    except Ended:
        measured["cpu_s"] = round(time.process_time() - began, 1)
    print(json.dumps(measured))


def read(path: Path) -> None:
    """Open a study, ask for everything twice, and print the times."""
    import nasbench as nb

    study = nb.open_study(path)
    print(json.dumps({which: {name: _seconds(getattr(study, name)) for name in CALLS} for which in ("first_s", "second_s")}))


def _seconds(call: Any) -> float:
    began = time.process_time()
    call()
    return round(time.process_time() - began, 4)


def _own(*words: str) -> dict[str, Any]:
    """What this script prints in a fresh process."""
    ran = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        drive(options.drive, options.trials)
    elif options.read:
        read(options.read)
    else:
        from importlib import metadata

        from nasbench.latency.processor import cpu_name

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "study"
            driver = _own("--drive", str(path), "--trials", str(options.trials))
            sizes = {f"{p.name}_mb": round(p.stat().st_size / 1e6, 1) for p in sorted(path.glob("ledger.*")) if p.stat().st_size}
            reading = _own("--read", str(path))
        versions = {name: metadata.version(name) for name in ("nasbench", "torch", "optuna", "pandas")}
        about = {"cpu": cpu_name(), "cores": os.cpu_count(), "date": time.strftime("%Y-%m-%d"), "versions": versions, "runs": 1}
        result = {"about": about, "trials": options.trials, "driver": driver, "files": sizes, "reading": reading}
        text = json.dumps(result, indent=1) + "\n"
        print(text)
        if options.out:
            options.out.write_text(text)


if __name__ == "__main__":
    main()

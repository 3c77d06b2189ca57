"""Is the search worth its time? The main job of this version, of another one, and random search, at equal wall time.

    python benchmarks/main_job.py --work main_job --old ../nasbench-0.1 --out benchmarks/results/main_job.json

Each search is `nasbench search --space mbconv --latency L --time 10min` with a seed of its own, alone on the machine. The limit L is one
that about a third of random networks keep, by their predictions. --old is a checkout of another version. Random search is that of this
version with `--strategy random --control none`, which trains its best networks again as every search does. What is handed over, and every
known network of the comparison that keeps the limit in one of the searches, is then trained by one longer recipe with --seeds, on as
many images of the full Fashion-MNIST (the Debian package dataset-fashion-mnist) as a search has to train on, and judged by its 10,000
test images.

Everything is stored in --work as it is made; the same command goes on after an interruption. --only LIST restricts the kinds of search.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from proxies import LONG, trained
from scipy.stats import t as student

import nasbench as nb
from nasbench.files import JsonLines, write_atomic
from nasbench.latency import DeviceConfig, Predictor
from nasbench.search.device_profile import obtain_profile
from nasbench.spaces.choosers import random_chooser
from nasbench.training import PROXY, Recipe

KINDS = ("new", "old", "random")
SHARE = 1 / 3  # of random networks that the limit lets pass
SAMPLES = 300


class Quiet:
    """A listener that prints lines worth reading."""

    def say(self, message: str) -> None:
        print(message)

    def stage(self, name: str, total: int | None = None) -> None:
        print(name)

    def step(self, message: str | None = None) -> None: ...

    def expect(self, total: int, left_s: float) -> None: ...

    def rounds(self, done: int, total: int) -> None: ...


def limit_ms(space: nb.Space) -> float:
    """The latency that a third of random networks keep, by their predictions."""
    device, _ = DeviceConfig().resolve()
    predictor = Predictor(obtain_profile(device, space, Quiet()))
    networks = [space.decode(random_chooser(random.Random(f"main job {i}"))) for i in range(SAMPLES)]
    return float(f"{np.quantile([predictor.predict(nb.adapt(g, classes=10)).ms for g in networks], SHARE):.2g}")


def cache_of(kind: str, work: Path, root: Path) -> Path:
    """The cache folder of a version, with a profile of this machine."""
    cache = work / ("cache-old" if kind == "old" else "cache")
    if not cache.exists():
        cache.mkdir()
        command = [sys.executable, "-m", "nasbench", "device", "profile", "--space", "mbconv"]
        subprocess.run(command, cwd=work, env=os.environ | environment(root, cache), check=True)
    return cache


def environment(root: Path, cache: Path) -> dict[str, str]:
    """What makes a process use a checkout and a cache."""
    return {"PYTHONPATH": str(root.resolve()), "NASBENCH_CACHE": str(cache.resolve())}


def search(kind: str, seed: int, limit: float, time: str, work: Path, old: Path | None) -> Path:
    """Run one search, or go on with it; returns the folder of its study."""
    study = work / f"{kind}-{seed}"
    if (study / "summary.json").exists():
        return study
    root = Path(__file__).parents[1] if kind != "old" or old is None else old
    more = ["--strategy", "random", "--control", "none"] if kind == "random" else []
    more += ["--train-time", "none"] if kind != "old" else []  # the whole time is for the search, as in version 0.1
    command = [sys.executable, "-m", "nasbench", "search", "--space", "mbconv", "--latency", f"{limit:g}ms", "--time", time, "--seed"]
    command += [str(seed), "--runs", str(work.resolve()), "--name", study.name, *more]
    print("$", " ".join(command[1:]), flush=True)
    result = subprocess.run(command, cwd=work, env=os.environ | environment(root, cache_of(kind, work, root)), check=False)
    if result.returncode not in (0, 3):
        sys.exit(f"{study.name} ended with {result.returncode}")
    return study


def handed_over(study: Path) -> str | None:
    """The genotype that a search delivers, as YAML."""
    best = study / "best" / "genotype.yaml"
    return best.read_text() if best.exists() else None


def known_within(studies: list[Path], limit: float) -> dict[str, str]:
    """The known networks of the comparisons that keep the limit, by name."""
    found = {}
    for study in studies:
        for row in json.loads((study / "summary.json").read_text()):
            name = row["network"].removeprefix("known ")
            if name != row["network"] and row["latency_ms"] is not None and row["latency_ms"] <= limit:
                found[name] = nb.adapt(nb.known(name), classes=10).to_yaml()
    return found


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of the mean (Student's t)."""
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("inf")
    return mean(values) - half, mean(values) + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--old", type=Path, help="a checkout of another version")
    parser.add_argument("--time", default="10min")
    parser.add_argument("--searches", type=int, default=3, help="seeds of each kind of search")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3, help="of the longer trainings")
    parser.add_argument("--latency", type=float, help="the limit in ms; by default one that a third of random networks keep")
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    os.environ["NASBENCH_CACHE"] = str(cache_of("new", options.work, Path(__file__).parents[1]).resolve())
    stored = options.work / "limit.json"
    limit = options.latency or (json.loads(stored.read_text()) if stored.exists() else limit_ms(nb.space("mbconv")))
    write_atomic(stored, json.dumps(limit))
    kinds = [kind for kind in options.only.split(",") if kind != "old" or options.old]
    seeds = range(options.first_seed, options.first_seed + options.searches)
    # By seed, so that what differs between the hours of a machine meets all kinds alike.
    studies = {(kind, seed): search(kind, seed, limit, options.time, options.work, options.old) for seed in seeds for kind in kinds}
    networks = {f"{kind} {seed}": handed_over(study) for (kind, seed), study in studies.items()}
    networks |= {f"known {name}": text for name, text in known_within(list(studies.values()), limit).items()}
    accuracies = train_all({name: text for name, text in networks.items() if text}, options)
    report(options, limit, kinds, accuracies)


def train_all(networks: dict[str, str], options: argparse.Namespace) -> dict[str, list[float]]:
    """Train each network with several seeds by the longer recipe; a network that several searches delivered is trained once."""
    recipe = Recipe.from_dict(PROXY.to_dict() | LONG).to_dict()
    file = JsonLines(options.work / "trainings.jsonl")
    done = {line["key"]: line["test"] for line in file.read()}
    keys = {name: [f"{nb.digest(nb.Genotype.from_yaml(text))} {seed}" for seed in range(options.seeds)] for name, text in networks.items()}
    texts = {key: networks[name] for name, several in keys.items() for key in several}
    with ProcessPoolExecutor(options.jobs) as pool:
        jobs = {}
        for key, text in texts.items():
            if key not in done:
                folder = options.work / "trainings" / key.replace(" ", "-")
                jobs[pool.submit(trained, text, recipe, int(key.split()[1]), str(folder), "fashion-mnist")] = key
        for count, job in enumerate(as_completed(jobs), 1):
            done[jobs[job]] = job.result()["test"]
            file.append([{"key": jobs[job], "test": done[jobs[job]]}])
            print(f"\r{count}/{len(jobs)} longer trainings", end="", flush=True)
    print()
    return {name: [done[key] for key in several] for name, several in keys.items()}


def report(options: argparse.Namespace, limit: float, kinds: list[str], accuracies: dict[str, list[float]]) -> None:
    """Print the table, and write it to --out."""
    rows = {name: {"mean": mean(values), "seeds": values} for name, values in accuracies.items()}
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["mean"]):
        print(f"{name:28} {100 * row['mean']:.2f} %  {'  '.join(f'{100 * v:.2f}' for v in row['seeds'])}")
    by_kind = {kind: [row["mean"] for name, row in rows.items() if name.startswith(f"{kind} ")] for kind in kinds}
    known = max((row["mean"] for name, row in rows.items() if name.startswith("known ")), default=None)
    differences = {}
    for kind in kinds[1:]:
        pairs = [(rows.get(f"new {seed}"), rows.get(f"{kind} {seed}")) for seed in range(options.first_seed, options.first_seed + 1000)]
        values = [a["mean"] - b["mean"] for a, b in pairs if a and b]
        differences[kind] = {"mean": mean(values), "interval": interval(values)} if values else None
    if known is not None and by_kind.get("new"):
        values = [value - known for value in by_kind["new"]]
        differences["best known"] = {"mean": mean(values), "interval": interval(values)}
    for name, found in differences.items():
        if found:
            low, high = found["interval"]
            print(f"new against {name}: {100 * found['mean']:+.2f} points [{100 * low:+.2f}, {100 * high:+.2f}]")
    if options.out:
        content = {
            "limit_ms": limit, "time": options.time, "searches": options.searches, "first_seed": options.first_seed, "recipe": LONG,
            "machine": platform.machine(), "cores": os.cpu_count(), "nasbench": nb.__version__, "networks": rows,
            "differences": differences,
        }  # fmt: skip
        write_atomic(options.out, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

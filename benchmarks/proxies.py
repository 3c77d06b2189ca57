"""Which short training ranks networks like a long one, and at what cost?

    python benchmarks/proxies.py --context one --work proxies --out benchmarks/results/proxies_mbconv_one.json

Random networks of a space are trained by a long recipe with several seeds, on as many images of the full Fashion-MNIST (the Debian
package dataset-fashion-mnist) as the embedded sample has to train on. The mean of their accuracies on its 10,000 test images is the truth:
the 2,000 test images of the sample would blur differences that are as small as these. The same networks are evaluated by short recipes
(--recipes), as a search on the embedded images would, with seeds of their own. Each is compared with the truth by Kendall's tau-b: by its
validation accuracy, by its validation loss, and by the sum of its training losses (Ru et al. 2021, "Speedy Performance Estimation for
Neural Architecture Search"), and by what a search expects of each network: the mean of the regression on its parameters and sizes, from
one short training of all of them ("expected"). Beside them stand multiply-adds, parameters and the scores of `zero-cost`.

--context one: all networks share the style, the strides and the head of MobileNetV2. --context space: networks of the whole space.

The ceiling is the tau that a flawless evaluation would have with this truth, whose noise is estimated from the spread of its seeds.
--timed N: N of the networks are then trained again by the recipes in turns, one at a time, and the seconds are of these trainings.

Everything is stored in --work as it is made; the same command goes on after an interruption, and adds recipes.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from statistics import mean, median, pvariance, variance

import numpy as np
import torch
from optuna.study import StudyDirection
from zero_cost import interval

import nasbench as nb
from nasbench.evaluate import EvaluationContext, Fidelity, make_evaluator
from nasbench.evaluate.zero_cost import PROXIES
from nasbench.files import JsonLines, write_atomic
from nasbench.genotype import cost
from nasbench.search.config import space_digest
from nasbench.search.final.posterior import posterior
from nasbench.search.probe.ranking import USUAL_SHARE, rank_correlation, ranking, tau_samples
from nasbench.search.probe.run import better_than_first
from nasbench.search.probe.store import MEASURED, Stored, rankings_file, save_rankings
from nasbench.spaces.choosers import random_chooser, record, record_options, replay
from nasbench.strategies.predictor.features import Features, Rows
from nasbench.strategies.predictor.history import score
from nasbench.strategies.predictor.sizes import sizes_of
from nasbench.training import PROXY, Recipe

LONG = {"epochs": 4, "images": 6400, "train_size": 40, "lr": 0.05}
RECIPES = {
    "today": {},
    "batch 32": {"batch_size": 32},
    "48 pixels": {"train_size": 48, "images": 2560},
    "24 pixels": {"train_size": 24, "images": 8000},
    "rate 0.06": {"lr": 0.06},
    "two epochs": {"epochs": 2, "images": 2560},
}
SMALLEST, LARGEST = 20e6, 400e6  # multiply-adds
CHANCE = 0.1  # of ten classes
SIMULATIONS = 400


def fixed(context: str) -> dict[str, object]:
    """The values of the parameters that all networks share."""
    if context == "space":
        return {}
    values = nb.space("mbconv").encode(nb.known("mobilenet_v2"))
    return {name: value for name, value in values.items() if name in ("style", "head") or name.endswith(".stride")}


def networks(space: nb.Space, context: str, count: int, seed: int) -> list[nb.Genotype]:
    """Different random networks."""
    rng, found, shared = random.Random(f"proxies {seed}"), {}, fixed(context)
    while len(found) < count:
        g = space.decode(replay(shared, random_chooser(rng)))
        if SMALLEST <= cost(g).macs <= LARGEST:
            found.setdefault(nb.digest(g), g)
    return list(found.values())


def trained(genotype: str, recipe: dict[str, object], seed: int, folder: str, data: str) -> dict[str, object]:
    """One training, in a process of one thread."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    evaluator = make_evaluator("train", EvaluationContext(data=data, recipe=recipe), {})
    result = evaluator.evaluate(nb.Genotype.from_yaml(genotype), Fidelity(final=True), seed, Path(folder))
    (Path(folder) / "weights.safetensors").unlink(missing_ok=True)
    metrics = Path(folder) / "metrics.jsonl"
    losses = [json.loads(line)["train_loss"] for line in metrics.read_text().splitlines()] if result.status == "ok" else []
    details = result.details
    return {
        "status": result.status, "accuracy": result.accuracy, "test": details.get("test_accuracy"), "loss": details.get("loss"),
        "train_loss": sum(losses) if losses else None, "seconds": result.seconds,
    }  # fmt: skip


def timed(results: dict[str, dict[str, object]], file: JsonLines, texts: list[str], recipes: dict[str, dict[str, object]]) -> None:
    """Train networks by all recipes in turns, so that what else the machine does meets all of them alike."""
    for i, text in enumerate(texts):
        for name, fields in recipes.items():
            if (key := f"timed/{name}/{i}") not in results:
                recipe = Recipe.from_dict(PROXY.to_dict() | fields).to_dict()
                results[key] = {"key": key, **trained(text, recipe, i, str(file.path.parent / "timed"), "embedded")}
                file.append([results[key]])


def seconds_of(results: dict[str, dict[str, object]], name: str) -> list[float]:
    """The durations of trainings by a recipe, of those that were made in turns where there are some."""
    several = {kind: [] for kind in ("timed/", "")}
    for key, line in results.items():
        for kind in several:
            if key.startswith(f"{kind}{name}/"):
                several[kind].append(float(line["seconds"]))
    return several["timed/"] or several[""]


def scored(genotype: str, proxy: str, seed: int) -> dict[str, object]:
    """One score without training."""
    result = make_evaluator("zero-cost", EvaluationContext(space="mbconv"), {"proxy": proxy}).evaluate(
        nb.Genotype.from_yaml(genotype), Fidelity(), seed, Path()
    )
    return {"status": result.status, "score": result.accuracy, "seconds": result.seconds}


def ceiling(truth: list[list[float]], seed: int) -> float | None:
    """The mean tau of true accuracies with means of as many draws as `truth` has, both drawn from the variances that `truth` shows.

    One draw of each network shows no noise: None.
    """
    if len(truth[0]) < 2:
        return None
    draw = np.random.default_rng(seed)
    noise = mean(variance(several) for several in truth) / len(truth[0])
    own = max(0.0, pvariance([mean(several) for several in truth]) - noise)
    values = []
    for _ in range(SIMULATIONS):
        true = draw.normal(0, own**0.5, len(truth))
        values.append(rank_correlation(true, true + draw.normal(0, noise**0.5, len(truth))))
    return mean(values)


def as_rows(space: nb.Space, chosen: list[nb.Genotype]) -> Rows:
    """The networks as a search's regression sees them."""
    features, params = Features(), []
    for g in chosen:
        values, options = {}, {}
        space.decode(record_options(record(replay(space.encode(g), random_chooser(random.Random(0))), values), options))
        features.add(options)
        params.append(values)
    return Rows(features.rows(params), np.array([sizes_of(nb.trace(g)) for g in chosen]))


def expected(rows: Rows, accuracies: list[float | None]) -> list[float]:
    """What a search expects of the networks after one training of each; those that failed are as good as chance."""
    scores = score(np.array([CHANCE if a is None else a for a in accuracies]), StudyDirection.MAXIMIZE)
    return posterior(rows, [[float(s)] for s in scores], noise=USUAL_SHARE).mean.tolist()


def rows_of_table(
    results: dict[str, dict[str, object]], names: list[str], count: int, seeds: int, truth: list[float], rows: Rows
) -> Iterator[dict[str, object]]:
    """How well each evaluation ranks: the mean over its seeds, and an interval for the first."""
    for name in names:
        several = [[results.get(f"{name}/{seed}/{i}") for i in range(count)] for seed in range(seeds)]
        several = [draws for draws in several if all(draws)]
        if not several:
            continue
        measures = {"score": 1} if "score" in several[0][0] else {"accuracy": 1, "loss": -1, "train_loss": -1}
        by_measure = {
            measure: [[float("-inf") if d[measure] is None else sign * d[measure] for d in draws] for draws in several]
            for measure, sign in measures.items()
        }
        if "accuracy" in by_measure:
            by_measure["expected"] = [expected(rows, [d["accuracy"] for d in draws]) for draws in several]
        for measure, values in by_measure.items():
            ranks = [[float(sorted(v).index(x)) for x in v] for v in values]
            yield {
                "name": name, "measure": measure, "seeds": len(several), "tau": mean(rank_correlation(r, truth) for r in ranks),
                "interval": interval(ranks[0], truth, 0), "seconds": median(seconds_of(results, name)),
            }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", choices=("one", "space"), default="one")
    parser.add_argument("--networks", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of the networks")
    parser.add_argument("--truth-seeds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=2, help="of each short recipe")
    parser.add_argument("--recipes", type=Path, help="JSON file: a name for the fields of each recipe")
    parser.add_argument("--timed", type=int, default=0, metavar="N")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--store", action="store_true", help="make what is found part of the package; the first recipe is the default one")
    options = parser.parse_args()
    short = json.loads(options.recipes.read_text()) if options.recipes else RECIPES
    space = nb.space("mbconv")
    chosen = networks(space, options.context, options.networks, options.seed)
    texts = [g.to_yaml() for g in chosen]
    folder = options.work / f"{options.context}-{options.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    file = JsonLines(folder / "results.jsonl")
    results = {str(line["key"]): line for line in file.read()}
    recipes = {"long": LONG} | short
    seeds = {name: options.truth_seeds if name == "long" else options.seeds for name in recipes}
    # First what tells most: the first seed of everything.
    wanted = sorted(
        (seed, list(recipes).index(name), i, name) for name in recipes for seed in range(seeds[name]) for i in range(len(chosen))
    )
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = {}
        for proxy in PROXIES:
            for i, text in enumerate(texts):
                if (key := f"{proxy}/0/{i}") not in results:
                    jobs[pool.submit(scored, text, proxy, i)] = key
        for seed, _, i, name in wanted:
            if (key := f"{name}/{seed}/{i}") not in results:
                recipe = Recipe.from_dict(PROXY.to_dict() | recipes[name]).to_dict()
                number = 1000 * (1 + seed) + i  # of no search
                data = "fashion-mnist" if name == "long" else "embedded"
                jobs[pool.submit(trained, texts[i], recipe, number, str(folder / key.replace(" ", "-")), data)] = key
        for done, job in enumerate(as_completed(jobs), 1):
            line = {"key": jobs[job], **job.result()}
            results[jobs[job]] = line
            file.append([line])
            print(f"\r{done}/{len(jobs)} {jobs[job]:30}", end="", flush=True)
    print()
    timed(results, file, texts[: options.timed], recipes)
    report(options, chosen, results, recipes)
    if options.store:
        print(stored(options, chosen, results, recipes))


def stored(
    options: argparse.Namespace, chosen: list[nb.Genotype], results: dict[str, dict[str, object]], recipes: dict[str, object]
) -> Path:
    """Keep how well the default recipe and the others rank, and the choice, as a probe would."""
    count, space = len(chosen), nb.space("mbconv")

    def matrix(name: str, seeds: int, value: str) -> np.ndarray:
        return np.array([[float(results[f"{name}/{seed}/{i}"][value] or CHANCE) for seed in range(seeds)] for i in range(count)])

    fields = {name: Recipe.from_dict(PROXY.to_dict() | recipe).to_dict() for name, recipe in recipes.items()}
    truth, macs = matrix("long", options.truth_seeds, "test"), [cost(g).macs for g in chosen]
    names = ["today", *(name for name in recipes if name not in ("long", "today"))]
    short = [matrix(name, options.seeds, "accuracy") for name in names]
    found = [
        ranking(fields[name], fields["long"], values, truth, macs, seconds_of(results, name), seconds_of(results, "long"))
        for name, values in zip(names, short, strict=True)
    ]
    best = better_than_first(found, [tau_samples(values, truth.mean(axis=1)) for values in short])
    data, digest = make_evaluator("train", EvaluationContext(), {}).data.fingerprint, space_digest(space)
    content = Stored(tuple(found), Recipe.from_dict(fields[names[best]]))
    return save_rankings(data, digest, content, MEASURED / rankings_file(data, digest).name)


def report(
    options: argparse.Namespace, chosen: list[nb.Genotype], results: dict[str, dict[str, object]], recipes: dict[str, object]
) -> None:
    """Print the table, and write it to --out."""
    count = len(chosen)
    # A network that diverged is as good as chance.
    truth = [[float(results[f"long/{seed}/{i}"]["test"] or CHANCE) for seed in range(options.truth_seeds)] for i in range(count)]
    means = [mean(several) for several in truth]
    names = [*PROXIES, *(name for name in recipes if name != "long")]
    table = list(rows_of_table(results, names, count, options.seeds, means, as_rows(nb.space("mbconv"), chosen)))
    content = {
        "space": "mbconv", "context": options.context, "networks": count, "seed": options.seed, "truth_seeds": options.truth_seeds,
        "recipes": recipes, "truth": means, "ceiling": ceiling(truth, 0),
        "seconds_of_truth": median(seconds_of(results, "long")),
        "machine": platform.machine(), "torch": torch.__version__, "nasbench": nb.__version__, "rows": table,
    }  # fmt: skip
    print(f"truth {min(means):.3f} to {max(means):.3f}, {content['seconds_of_truth']:.0f} s each; ceiling {content['ceiling']}")
    for row in sorted(table, key=lambda row: -row["tau"]):
        low, high = row["interval"]
        print(f"{row['name']:14} {row['measure']:10} tau {row['tau']:+.2f} [{low:+.2f}, {high:+.2f}] {row['seconds']:6.1f} s")
    if options.out:
        write_atomic(options.out, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

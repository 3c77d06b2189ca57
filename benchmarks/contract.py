"""The contract: is the latency limit kept when the winner is measured again? `python benchmarks/contract.py [--help]`.

Searches with different seeds run as `nasbench search` runs them, with real measurements. Only the accuracy is a formula that grows
with multiply-adds, so that no time is spent on training and every search goes to the edge of its limit. After the last search the
card of every winner is verified in a session of its own, as `nasbench verify` does it. The result is how many winners are within
the limit, and how much of the limit they use: a limit that is kept by a wide margin gives a smaller network than it allows.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import mean, median
from typing import Any

import by_size  # noqa: F401 - it registers its evaluator
from side_by_side import Quiet

from nasbench.genotype.units import parse_latency
from nasbench.latency import DeviceConfig, load_card, load_profile
from nasbench.latency.verify import verify_card
from nasbench.search.config import SearchConfig
from nasbench.search.device_profile import obtain_profile
from nasbench.search.limits import Limits
from nasbench.search.problem import Problem, open_problem
from nasbench.search.run import run_search


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="mbconv")
    parser.add_argument("--latency", default="20ms")
    parser.add_argument("--runtime", default="eager")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--trials", type=int, default=24, help="trials of each search, and as many of its random search")
    parser.add_argument("--device", type=Path, metavar="PROFILE", help="a device profile; by default one is made")
    parser.add_argument("--runs", type=Path, metavar="DIRECTORY", help="where the studies lie; those that are there continue")
    parser.add_argument("--search-only", action="store_true", help="do not verify; another run with the same --runs will")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nasbench-bench-") as temporary:
        results = run(options, options.runs or Path(temporary))
    if options.search_only:
        return
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def run(options: argparse.Namespace, runs: Path) -> dict[str, Any]:
    limit_ms = parse_latency(options.latency)
    config = DeviceConfig(runtime=options.runtime, threads=options.threads)
    device = load_profile(options.device).device if options.device else config.resolve()[0]
    problem = open_problem(search_config(options, limit_ms, 0), device)
    profile = load_profile(options.device) if options.device else obtain_profile(device, problem.space, Quiet())
    problem = problem.predicting(profile)
    rows = [search(replace(problem, config=search_config(options, limit_ms, seed)), runs / str(seed)) for seed in range(options.searches)]
    for row in [] if options.search_only else rows:
        if row["card"]:
            verification = verify_card(load_card(Path(row.pop("card"))))
            row |= {
                "answer": verification.verdict,
                "again_ms": verification.at_card_speed.median_ms,
                "high_ms": verification.at_card_speed.high_ms,
                "raw_ms": verification.now.median_ms,
            }
            print(f"# seed {row['seed']}: {row['answer']}, {verification.at_card_speed}", flush=True)
    verified = [row for row in rows if "again_ms" in row]
    return {
        "benchmark": "contract",
        "about": " ".join((__doc__ or "").split()),
        "device": device.to_json(),
        "space": options.space,
        "limit_ms": limit_ms,
        "date": date.today().isoformat(),
        "load": ", ".join(f"{x:.1f}" for x in os.getloadavg()),
        "searches": len(rows),
        "trials": options.trials,
        "handed_over": len(verified),
        "inside_again": sum(row["again_ms"] <= limit_ms for row in verified),
        "used_mean": mean(row["again_ms"] for row in verified) / limit_ms if verified else None,
        "used_least": min(row["again_ms"] for row in verified) / limit_ms if verified else None,
        "seconds_each": median(row["seconds"] for row in rows),
        "rows": rows,
    }


def search_config(options: argparse.Namespace, limit_ms: float, seed: int) -> SearchConfig:
    return SearchConfig(
        space=options.space,
        limits=Limits(latency_ms=limit_ms),
        evaluator="by_size",
        seed=seed,
        trials=options.trials,
        final_seeds=1,
        workers=2,
        device=DeviceConfig(runtime=options.runtime, threads=options.threads),
    )


def search(problem: Problem, path: Path) -> dict[str, Any]:
    """The row of one search, with the path of the winner's card. A search that is complete already is read back."""
    start, seconds_file = time.monotonic(), path / "took.json"
    outcome = run_search(problem, path, Quiet(), lambda problem, plan: None)
    if not seconds_file.exists():  # it exists when an earlier run of this benchmark finished the search
        seconds_file.write_text(json.dumps(time.monotonic() - start))
    row: dict[str, Any] = {"seed": problem.config.seed, "seconds": json.loads(seconds_file.read_text()), "card": None}
    if outcome.winner is not None and outcome.winner.again is not None:
        finalist, again = outcome.winner.finalist, outcome.winner.again
        row |= {"network": finalist.origin, "predicted_ms": finalist.predicted.ms}
        row |= {"promised_ms": again.median_ms, "promised_high_ms": again.high_ms}
        row["card"] = str(path / "best" / "card.json")
    print(f"# seed {problem.config.seed}: {json.dumps(row)}; missed before it: {list(outcome.choice.missed)}", flush=True)
    return row


def show(results: dict[str, Any]) -> None:
    device = results["device"]
    print(f"\n{device['name']}, {device['runtime']}, {device['threads']} threads; {results['date']}, load {results['load']}")
    print(
        f"{results['searches']} searches of {results['trials']} trials in {results['space']} within {results['limit_ms']:g} ms, "
        f"{results['seconds_each']:.0f} s each"
    )
    print(f"delivered {results['handed_over']}, within the limit when verified {results['inside_again']}")
    if results["handed_over"]:
        print(f"share of the limit that is used: mean {results['used_mean']:.0%}, least {results['used_least']:.0%}")


if __name__ == "__main__":
    main()

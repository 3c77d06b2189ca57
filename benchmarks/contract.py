"""The contract: is the latency limit kept when the winner is measured again? `python benchmarks/contract.py [--help]`.

So many searches with different seeds, each as `nasbench search` runs it and with real measurements, but for one thing: accuracy is
a formula that grows with multiply-adds, so that no time is spent on training and every search goes to the edge of its limit.
After the last of them every winner's card is verified, as `nasbench verify` does it, in a session of its own. What counts is how
many are inside the limit, and how much of it they use: a limit that is kept by a wide margin is a smaller network than was asked for.
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

from by_size import by_size
from side_by_side import Quiet

from nasbench.genotype.units import parse_latency
from nasbench.latency import DeviceConfig, load_card, load_profile
from nasbench.latency.verify import verify_card
from nasbench.search.config import SearchConfig
from nasbench.search.device_profile import obtain_profile
from nasbench.search.limits import Limits
from nasbench.search.problem import Problem, prepare
from nasbench.search.run import search


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="mbconv")
    parser.add_argument("--latency", default="20ms")
    parser.add_argument("--runtime", default="eager")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--trials", type=int, default=24, help="of each search, and as many of its random arm")
    parser.add_argument("--device", type=Path, metavar="PROFILE", help="a device profile, else one is made")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="keep the studies here, and go on with those that are there")
    parser.add_argument("--search-only", action="store_true", help="another run with the same --runs verifies")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nasbench-bench-") as folder:
        figures = run(asked, asked.runs or Path(folder))
    if asked.search_only:
        return
    show(figures)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


def run(asked: argparse.Namespace, runs: Path) -> dict[str, Any]:
    limit_ms = parse_latency(asked.latency)
    device = load_profile(asked.device).device if asked.device else DeviceConfig(runtime=asked.runtime, threads=asked.threads).resolve()[0]
    task = prepare(wanted(asked, limit_ms, 0), device)
    profile = load_profile(asked.device) if asked.device else obtain_profile(device, task.space, Quiet())
    rows = []
    for seed in range(asked.searches):
        rows.append(searched(replace(task.predicting(profile), request=wanted(asked, limit_ms, seed), evaluate=by_size), runs / str(seed)))
    for row in [] if asked.search_only else rows:
        if row["card"]:
            found = verify_card(load_card(Path(row.pop("card"))))
            row |= {
                "answer": found.answer,
                "again_ms": found.judged.median_ms,
                "high_ms": found.judged.high_ms,
                "raw_ms": found.now.median_ms,
            }
            print(f"# seed {row['seed']}: {row['answer']}, {found.judged}", flush=True)
    won = [row for row in rows if "again_ms" in row]
    return {
        "benchmark": "contract",
        "about": " ".join((__doc__ or "").split()),
        "device": device.to_json(),
        "space": asked.space,
        "limit_ms": limit_ms,
        "date": date.today().isoformat(),
        "load": ", ".join(f"{x:.1f}" for x in os.getloadavg()),
        "searches": len(rows),
        "trials": asked.trials,
        "handed_over": len(won),
        "inside_again": sum(row["again_ms"] <= limit_ms for row in won),
        "used_mean": mean(row["again_ms"] for row in won) / limit_ms if won else None,
        "used_least": min(row["again_ms"] for row in won) / limit_ms if won else None,
        "seconds_each": median(row["seconds"] for row in rows),
        "rows": rows,
    }


def wanted(asked: argparse.Namespace, limit_ms: float, seed: int) -> SearchConfig:
    device = DeviceConfig(runtime=asked.runtime, threads=asked.threads)
    return SearchConfig(
        space=asked.space, limits=Limits(latency_ms=limit_ms), seed=seed, trials=asked.trials, final_seeds=1, workers=2, device=device
    )


def searched(task: Problem, path: Path) -> dict[str, Any]:
    start, took = time.monotonic(), path / "took.json"
    outcome = search(task, path, Quiet(), lambda task, made: None)
    if not took.exists():  # else a benchmark that was stopped goes on
        took.write_text(json.dumps(time.monotonic() - start))
    row: dict[str, Any] = {"seed": task.request.seed, "seconds": json.loads(took.read_text()), "card": None}
    if outcome.winner is not None and outcome.winner.again is not None:
        f, again = outcome.winner.finalist, outcome.winner.again
        row |= {"network": f.origin, "predicted_ms": f.predicted.ms, "promised_ms": again.median_ms, "promised_high_ms": again.high_ms}
        row["card"] = str(path / "best" / "card.json")
    print(f"# seed {task.request.seed}: {json.dumps(row)}; missed before it: {list(outcome.promise.missed)}", flush=True)
    return row


def show(f: dict[str, Any]) -> None:
    print(f"\n{f['device']['name']}, {f['device']['runtime']}, {f['device']['threads']} threads; {f['date']}, load {f['load']}")
    print(f"{f['searches']} searches of {f['trials']} trials in {f['space']} within {f['limit_ms']:g} ms, {f['seconds_each']:.0f} s each")
    print(f"handed over {f['handed_over']}, inside when verified {f['inside_again']}; share of the limit that is used: mean "
          f"{f['used_mean']:.0%}, least {f['used_least']:.0%}")  # fmt: skip


if __name__ == "__main__":
    main()

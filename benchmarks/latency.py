"""Latency: predicted and measured, side by side in one run. `python benchmarks/latency.py [--help]`.

A new profile for the space mbconv is made on this machine, as `nasbench device profile` makes it, and the time for it is taken. Then
networks that were not profiled are measured twice, in two sessions, at the speed that the machine had for the profile: random networks
of the space at 224 pixels, and known networks. The second session against the first is the noise floor. Our prediction is compared with
others for the same networks: a straight line through multiply-adds, one through activations (both are fitted to the profiled networks),
and the sum of all layers timed alone. With `--from` the profile is adapted from that of another device with few measurements.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from lone_layers import sums
from side_by_side import Quiet

from nasbench.genotype import Genotype, adapt, cost, trace
from nasbench.latency import Device, Measurement, Predictor, Profile, load_profile, local_device, measure, profile_path
from nasbench.search.device_profile import FAMILIAR, obtain_profile, samples
from nasbench.spaces import load_space
from nasbench.zoo import known

# Known networks that resemble those of the space, and that are never profiled.
KNOWN = (
    "mobilenet_v1", "mobilenet_v1_075", "mobilenet_v1_050", "mobilenet_v2_140", "mobilenet_v2_075", "mobilenet_v2_050", "mnasnet1_0",
    "mnasnet1_3", "mnasnet0_75", "mnasnet0_5", "mnasnet_a1_140", "mnasnet_a1_075", "mnasnet_a1_050", "mnasnet_small", "efficientnet_b1",
)  # fmt: skip
SEED = 20_000  # another than that of the profile
MANY = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="eager")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--kind", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--networks", type=int, default=40, help="number of random networks to measure")
    parser.add_argument("--from", dest="base", type=Path, metavar="PROFILE", help="adapt from this device profile")
    parser.add_argument("--profiled", type=int, help="number of networks to profile")
    parser.add_argument("--keep", type=Path, metavar="PROFILE", help="copy the device profile here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    parser.add_argument("--quick", action="store_true", help="leave out the sum of lone layers and the prediction of many networks")
    options = parser.parse_args()
    device = local_device(options.threads, runtime=options.runtime, kind=options.kind)
    with tempfile.TemporaryDirectory(prefix="nasbench-bench-") as folder:
        os.environ["NASBENCH_CACHE"] = folder
        results = run(device, options)
        if options.keep:
            options.keep.write_bytes(profile_path(device).read_bytes())
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def run(device: Device, options: argparse.Namespace) -> dict[str, Any]:
    space = load_space("mbconv")
    base = load_profile(options.base) if options.base else None
    start = time.monotonic()
    profile = obtain_profile(device, space, Quiet(), again=True, base=base, networks=options.profiled)
    took = time.monotonic() - start
    predictor = Predictor(profile)

    random = {name: adapt(g, input=(3, 224, 224)) for name, g in samples(space, options.networks, SEED).items()}
    networks = random | {name: known(name) for name in KNOWN}
    first, again = (at_speed(networks, device, profile) for _ in range(2))
    ms = np.array([first[name].median_ms for name in networks])
    predictions = predictor.predict_many(networks.values())
    predicted = np.array([p.ms for p in predictions])
    rows = {"ours": compared(predicted, ms), "measured again": compared(np.array([again[name].median_ms for name in networks]), ms)}
    for what in ("macs", "activations"):
        rows[f"a line through {what}"] = compared(line(what, profile, list(networks.values())), ms)
    if not options.quick:
        alone = np.array(sums(networks.values(), device))
        rows["sum of lone layers"] = compared(alone, ms)
        rows["sum of lone layers, times one factor"] = compared(alone * float(np.median(ms / alone)), ms)
    both = (ms + np.array([again[name].median_ms for name in networks])) / 2
    rows["ours, against both sessions' mean"] = compared(predicted, both)
    for name, part in (("random", slice(0, len(random))), ("known", slice(len(random), None))):
        rows[f"ours, {name} ones alone"] = compared(predicted[part], ms[part])
    inside = [p.low_ms <= m <= p.high_ms for p, m in zip(predictions, ms, strict=True)]
    return {
        "benchmark": "latency",
        "about": " ".join((__doc__ or "").split()),
        "device": device.to_json(),
        "load": ", ".join(f"{x:.1f}" for x in os.getloadavg()),
        "date": date.today().isoformat(),
        "n": len(networks),
        "profiled": len(profile.networks),
        "profile_s": took,
        "adapted_from": None if base is None else str(base.device),
        "coverage_90": float(np.mean(inside)),
        "interval": predictor.error,
        "extrapolated": sum(bool(p.extrapolated) for p in predictions),
        "noisy": sum(m.noisy for m in first.values()),
        "noise_floor": rows["measured again"]["median_error"],
        "screening_ms": None if options.quick else many(predictor),
        "rows": rows,
        "networks": {
            name: {"ms": m, "again_ms": again[name].median_ms, "predicted_ms": p.ms, "low_ms": p.low_ms, "high_ms": p.high_ms}
            for (name, m), p in zip(zip(networks, ms.tolist(), strict=True), predictions, strict=True)
        },
    }


def at_speed(networks: dict[str, Genotype], device: Device, profile: Profile) -> dict[str, Measurement]:
    print(f"# measuring {len(networks)} networks", flush=True)
    measured = measure(networks, device, max_seconds=4.0 * len(networks), say=print)
    return {name: m.at_speed(profile.reference_ms) for name, m in measured.items()}


def compared(predicted: np.ndarray, ms: np.ndarray) -> dict[str, float]:
    from scipy.stats import spearmanr

    errors = np.abs(predicted / ms - 1)
    return {
        "within5": float(np.mean(errors <= 0.05)),
        "within10": float(np.mean(errors <= 0.10)),
        "median_error": float(np.median(errors)),
        "spearman": float(spearmanr(predicted, ms).statistic),
        "n": len(ms),
    }


def line(what: str, profile: Profile, networks: list[Genotype]) -> np.ndarray:
    """Milliseconds by a straight line through one count, fitted to the profiled networks by relative error."""
    profiled = {n.name: n.ms for n in profile.networks}
    drawn = samples(load_space("mbconv"), 200) | {name: known(name) for name in FAMILIAR}
    x = np.array([[getattr(cost(drawn[name]), what), 1.0] for name in profiled if name in drawn])
    y = np.array([ms for name, ms in profiled.items() if name in drawn])
    slope = np.linalg.lstsq(x / y[:, None], np.ones(len(y)), rcond=None)[0]
    predicted: np.ndarray = np.array([[getattr(cost(g), what), 1.0] for g in networks]) @ slope
    return predicted


def many(predictor: Predictor) -> dict[str, float]:
    """Milliseconds for each of many networks: to sample and trace it, and then to predict it with the others."""
    space, start = load_space("mbconv"), time.perf_counter()
    traces = [trace(space.sample(SEED + i)) for i in range(MANY)]
    drawn = time.perf_counter() - start
    start = time.perf_counter()
    predictor.predict_many(traces)
    return {"networks": MANY, "draw_and_trace": drawn / MANY * 1e3, "predict": (time.perf_counter() - start) / MANY * 1e3}


def show(f: dict[str, Any]) -> None:
    d = Device.from_json(f["device"])
    print(f"\n{d}; {f['date']}, load {f['load']}, {f['n']} networks, {f['noisy']} noisy, {f['extrapolated']} extrapolated")
    print(
        f"profile of {f['profiled']} networks in {f['profile_s']:.0f} s; 90 % intervals hold {f['coverage_90']:.0%}, +-{f['interval']:.1%}"
    )
    if f["screening_ms"]:
        s = f["screening_ms"]
        print(f"{s['networks']} networks: {s['draw_and_trace']:.2f} ms each to draw and trace, {s['predict']:.3f} ms to predict")
    print(f"{'':40s} {'n':>3s} {'within 5 %':>10s} {'within 10 %':>11s} {'median error':>12s} {'Spearman':>9s}")
    for name, r in f["rows"].items():
        print(f"{name:40s} {r['n']:3d} {r['within5']:10.0%} {r['within10']:11.0%} {r['median_error']:12.1%} {r['spearman']:9.3f}")


if __name__ == "__main__":
    main()

"""What `nasbench pick` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.cli.shared import console, rows_of, say, table
from nasbench.cli.text.study import latency_rows, results, show_delivered
from nasbench.evaluate.measure import explained, show_number
from nasbench.genotype.units import show_count
from nasbench.study.delivery import delivered

if TYPE_CHECKING:
    from nasbench.search.pick import Pick


def show_pick(pick: Pick, study: Path, measure: str) -> None:
    """Print the network that was picked, or the one that is nearest to the limits.

    Args:
        measure: what the study's evaluator gives, see `Study.measure`.
    """
    say(*pick.choice.missed)
    if pick.result is None or pick.genotype is None:
        tried = f"of {pick.evaluated} that it evaluated, {pick.inside} were near enough to try"
        say(f"no network of {study} keeps {pick.limits.describe()}; {tried}")
        if pick.nearest is not None:
            name, metrics = pick.nearest
            latency = f"{metrics.latency_text}, " if metrics.has_latency else ""
            say(f"the nearest is {name}: {latency}{show_count(metrics.macs)} MACs, {show_count(metrics.params)} parameters")
        say("allow more, or search for this limit with `nasbench search`")
        return
    f = pick.result.finalist
    say(f"{f.origin} of {study}", rows_of(pick.genotype), "")
    if pick.choice.winner is None:
        say(pick.choice.why, f"NOT VERIFIED; `nasbench verify {pick.path}` measures it and completes best/card.json", "")
    count = len(pick.result.seeds)
    kind = explained(measure)
    how = f"{kind}, mean of {count} evaluations" if count > 1 else kind
    table(
        ("", ""),
        (
            *(latency_rows(pick.result, pick.limits.latency_ms) if f.predicted is not None else []),
            ("size", f"{show_count(f.params)} parameters, {show_count(f.macs)} MACs"),
            (measure, f"{show_number(pick.result.accuracy, measure)} {how}"),
            ("", f"the best by all trainings of {pick.inside} networks near the limits, of {pick.evaluated} that the study evaluated"),
        ),
    )
    console.print()
    show_delivered(delivered(pick.path, f.digest) or {})
    say(f"\nin {pick.path}: {', '.join(results(pick.path))}")


def pick_json(pick: Pick) -> dict[str, Any]:
    """The same as plain data."""
    result = pick.result
    row: dict[str, Any] = {"path": str(pick.path), "picked": None, "inside": pick.inside, "evaluated": pick.evaluated, "trained": None}
    if result is None:
        return row | {"nearest": None if pick.nearest is None else pick.nearest[0]}
    m = result.again
    row["picked"] = {
        "network": result.finalist.origin,
        "digest": result.finalist.digest,
        "accuracy": result.accuracy,
        "latency_ms": None if m is None else m.median_ms,
        "latency_low_ms": None if m is None else m.low_ms,
        "latency_high_ms": None if m is None else m.high_ms,
        "verified": pick.choice.winner is not None,
        "params": result.finalist.params,
        "macs": result.finalist.macs,
    }
    trained = delivered(pick.path, result.finalist.digest)
    return row | {"trained": None if trained is None else dict(trained)}

"""The final round of a study: its networks, and in words whether the search was worth it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasbench.evaluate.measure import ACCURACY, show_difference
from nasbench.latency.contract import within_limit


class FinalNetwork(NamedTuple):
    """A network of the final round.

    Attributes:
        source: `search` or `random` for a network that this phase found, `known` for a known network.
        label: The number of the trial that found it, or the name of the known network.
        winner: Whether it is the winner of the study.
        latency_ms: Its latency, measured where the device is here, with the interval from `low_ms` to `high_ms`; NaN where nothing asked
            for latencies.
        accuracy: The mean over the fresh seeds on validation images (a share), with the `worst` and the `best` seed.
    """

    source: str
    label: str
    winner: bool
    latency_ms: float
    low_ms: float
    high_ms: float
    accuracy: float
    worst: float
    best: float
    macs: float = math.nan

    @property
    def name(self) -> str:
        """`search 12`, `random 3` or `known mobilenet_v2`."""
        return f"{self.source} {self.label}"

    @property
    def at(self) -> str:
        """Its latency in words, ` at 12.3 ms`; empty where it is not known."""
        return "" if math.isnan(self.latency_ms) else f" at {self.latency_ms:.1f} ms"


def final_network(row: Mapping[str, Any]) -> FinalNetwork:
    """A network of the final round from a row of `Study.summary`."""
    source, _, label = str(row["network"]).partition(" ")
    accuracy = float(row["accuracy"])
    ms = _number(row.get("latency_ms"))
    low, high = (_number(row.get(f"latency_{end}_ms", ms)) for end in ("low", "high"))
    seeds = row.get("accuracy_seeds") or [accuracy]
    return FinalNetwork(
        source, label, bool(row["winner"]), ms, low, high, accuracy, float(min(seeds)), float(max(seeds)), _number(row.get("macs"))
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def verdict_lines(verdict: Mapping[str, Any], measure: str = ACCURACY) -> list[str]:
    """What the search was worth, in words, with 95 % intervals.

    Args:
        verdict: `Study.verdict`.
        measure: what the accuracies are; see `Study.measure`.

    Example:
        >>> for line in verdict_lines(study.verdict()):
        ...     print(line)
        was it worth it? +1.3 points [+0.4, +2.2] against random search with as many evaluations (85; estimated from 15 of its own)
        was it worth it? not distinguishable from the best known network within the limit (known mnasnet_a1): +0.2 points [-0.5, +0.9]
        the delivered network is the best finalist with a probability of 64%; 0.1 points are lost on average because another may be better
        all this is about the short training that ranked the networks; a longer one may rank them otherwise
    """
    lines = []
    if (other := verdict["random"]) is not None:
        of = f"{other['evaluated']} of its own" if other["evaluated"] else "none of its own"
        lines.append(_compared(other, f"random search with as many evaluations ({other['networks']}; estimated from {of})", measure))
    else:
        lines.append("was it worth it? too few random networks are surely within the limits to compare with random search")
    if (other := verdict["known"]) is not None:
        lines.append(_compared(other, f"the best known network within the limit ({other['name']})", measure))
        if other["high"] < 0:
            lines.append(f"take {str(other['name']).removeprefix('known ')}: the search did not find better")
    else:
        lines.append("no known network of the comparison is within the limit")
    loss = show_difference(verdict["expected_loss"], 0.0, measure).removeprefix("+")
    lines.append(
        f"the delivered network is the best finalist with a probability of {verdict['best_probability']:.0%}; "
        f"{loss} are lost on average because another may be better"
    )
    if (ranking := verdict.get("ranking")) is not None:
        agrees = f"Kendall's tau {ranking['tau']:.2f} [{ranking['low']:.2f}, {ranking['high']:.2f}] ({ranking['networks']} networks)"
        longer = f"its order agrees with that of a training {ranking['times']:.0f} times as long by {agrees}"
        return [*lines, f"all this is about the short training that ranked the networks; {longer}"]
    about = "the short training that ranked the networks; a longer one" if measure == ACCURACY else f"the score {measure}; a training"
    return [*lines, f"all this is about {about} may rank them otherwise"]


def _compared(other: Mapping[str, Any], name: str, measure: str) -> str:
    low, high = (show_difference(other[end], 0.0, measure).split()[0] for end in ("low", "high"))
    difference = f"{show_difference(other['difference'], 0.0, measure)} [{low}, {high}]"
    if other["low"] <= 0 <= other["high"]:
        return f"was it worth it? not distinguishable from {name}: {difference}"
    return f"was it worth it? {difference} against {name}"


def verdicts(rows: Sequence[Mapping[str, Any]], limit_ms: float | None, measure: str = ACCURACY) -> list[str]:
    """For studies of version 0.1, which have no `verdict.json`: two lines.

    The best network of the search is compared with random search at equal cost, and the winner with the best known network.

    Only networks within the latency limit are compared. The winner may come from random search. A difference is called beyond the spread of
    the seeds if the accuracies of the two networks' seeds do not overlap.

    Args:
        rows: the rows of `Study.summary`.
        limit_ms: the latency limit, or None.
        measure: what the accuracies are; see `Study.measure`.

    Returns:
        The lines; none where the study has no winner.
    """
    networks = [final_network(row) for row in rows]
    winner = next((n for n in networks if n.winner), None)
    if winner is None:
        return []
    inside = [n for n in networks if limit_ms is None or within_limit(n.latency_ms, limit_ms)]
    searched, random, known = (
        max((n for n in inside if n.source == source), key=lambda n: n.accuracy, default=None) for source in ("search", "random", "known")
    )
    equal_cost = "random search at equal cost"
    if winner.source == "search":
        first = _against(winner, random, equal_cost, "random search found no network within the limit", measure)
    elif searched is None:
        first = f"was it worth it? the search found no network within the limit; {equal_cost} found {winner.name}"
    else:
        first = f"{_against(searched, winner, equal_cost, '', measure)}: the winner comes from random search, not {searched.name}"
    return [
        first,
        _against(
            winner, known, "the best known network within the limit", "no known network of the comparison is within the limit", measure
        ),
    ]


def _against(best: FinalNetwork, other: FinalNetwork | None, name: str, absent: str, measure: str) -> str:
    if other is None:
        return f"was it worth it? {absent}"
    difference = show_difference(best.accuracy, other.accuracy, measure)
    spread = "beyond the spread of the seeds" if best.worst > other.best or best.best < other.worst else "within the spread of the seeds"
    return f"was it worth it? {difference} against {name} ({other.name}{other.at.replace(' at ', ', ')}), {spread}"

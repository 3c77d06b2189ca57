"""What a phase of a fit trains: networks with the names of their directions, kept in the study's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.scaling_fit.curves import BASE
from nasbench.scaling_fit.directions import Candidate, Shares, show
from nasbench.scaling_fit.sizing import Sizing


@dataclass(frozen=True)
class Item:
    """A network that a phase trains, with the name of its direction."""

    direction: str
    candidate: Candidate


def find_items(found: Sizing, wanted: Sequence[tuple[str, Shares, float]]) -> list[Item]:
    candidates = found.candidates([(shares, size) for _, shares, size in wanted])
    return [Item(name, c) for (name, _, _), c in zip(wanted, candidates, strict=True)]


def as_record(item: Item, milliseconds: float | None) -> dict[str, Any]:
    """What the ledger keeps beside a trial's accuracy."""
    c = item.candidate
    return {
        "origin": _words(item),
        "direction": item.direction,
        "size": c.size,
        "ratio": c.ratio,
        "growth": c.growth,
        "shares": list(c.got),
        "side": c.side,
        "macs": c.macs,
        "params_count": c.params,
        **({} if milliseconds is None else {"latency_ms": milliseconds}),
    }


def write_items(path: Path, items: Mapping[str, Sequence[Item]]) -> None:
    data = {phase: [{"direction": i.direction, **i.candidate.to_json()} for i in several] for phase, several in items.items()}
    write_atomic(path, json.dumps(data, indent=1) + "\n")


def read_items(path: Path) -> dict[str, list[Item]]:
    """The networks of each phase.

    Raises:
        StudyError: the file is missing or damaged.
    """
    try:
        stored = json.loads(path.read_text())
        return {
            phase: [Item(row["direction"], Candidate.from_json({k: v for k, v in row.items() if k != "direction"})) for row in several]
            for phase, several in stored.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"a fit keeps its networks in {path}; it cannot be read ({error}); restore it, or choose another --name") from None


def _words(item: Item) -> str:
    """For a line of progress."""
    if item.direction == BASE:
        return BASE
    c = item.candidate
    return f"{item.direction}, {c.size:g} times the cost: depth, width, resolution {show(c.got)}"

"""How studies and comparisons show themselves in a console and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from html import escape
from typing import Any

import pandas as pd

from nasbench.analysis.final_round import final_network
from nasbench.analysis.status import StudyState
from nasbench.evaluate.measure import ACCURACY, measured_by, show, show_number
from nasbench.genotype.units import show_count
from nasbench.search.limits import Limits
from nasbench.study.trial import Trial


def command_text(command: Mapping[str, Any]) -> str:
    """The task of a study: `mbconv on embedded, limit: latency 20 ms, evolution, seed 0`."""
    if "space" in command:
        limits = Limits(**{f.name: command.get(f.name) for f in fields(Limits)})
        limit = f"limit: {limits.describe()}" if limits.any else "no limit"
        words = [f"{command['space']} on {command.get('data')}", limit, command.get("strategy")]
    else:
        words = [f"{command.get('kind', 'study')} of {command.get('network')} on {command.get('data')}"]
    seed = command.get("seed")
    return ", ".join([*(str(word) for word in words if word), *([f"seed {seed}"] if seed is not None else [])])


def history_lines(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each time that a study was extended: `extended at 2026-11-30T01:00:00+00:00: trials 30 to 50`."""
    names = {"trials": "trials", "time_s": "seconds"}
    lines = []
    for entry in history:
        changed = {names[key]: values for key, values in entry["changed"].items() if key in names}
        words = [f"{name} {' to '.join('not set' if v is None else f'{v:g}' for v in values)}" for name, values in changed.items()]
        lines += [f"extended at {entry.get('at')}: {', '.join(words)}"] if words else []
    return lines


def phase_lines(state: StudyState) -> list[str]:
    """One line for each phase: `search: 18 ok, 1 skipped; best 79.6% at 13.1 ms (search 13)`."""
    best = {phase: f"; best {text}" if (text := state.best_text(phase)) else "" for phase in state.counts}
    return [f"{phase}: {state.counts_text(phase)}{best[phase]}" for phase in state.counts] or ["no trial yet"]


def winner_lines(rows: Sequence[Mapping[str, Any]], trials: Sequence[Trial]) -> list[str]:
    """`winner: search 13, 79.7% at 13.3 ms`, from the rows of `Study.summary`; nothing without a winner."""
    winner = next((n for n in map(final_network, rows) if n.winner), None)
    return [f"winner: {winner.name}, {show(winner.accuracy, measured_by(trials))}{winner.at}"] if winner else []


def final_table(rows: Sequence[Mapping[str, Any]], measure: str = ACCURACY) -> pd.DataFrame:
    """The final round as texts with units, from the rows of `Study.summary`."""
    table = []
    for row in rows:
        network = final_network(row)
        test = row.get("test_accuracy")
        table.append(
            {
                "network": network.name + (" (winner)" if network.winner else ""),
                measure: f"{show_number(network.accuracy, measure)} ± {show_number((network.best - network.worst) / 2, measure)}",
                "test": "" if test is None else f"{test:.1%}",
                "latency": network.at.removeprefix(" at ") or "unknown",
                "MACs": show_count(row["macs"]) if "macs" in row else "",
                "parameters": show_count(row["params"]) if "params" in row else "",
            }
        )
    return pd.DataFrame(table)


def to_html(title: str, lines: Sequence[str], *tables: pd.DataFrame) -> str:
    """A heading, a list of lines and tables, as HTML. All texts are escaped."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    shown = "".join(table.to_html(index=table.index.name is not None, na_rep="", border=0) for table in tables if not table.empty)
    return f"<div><strong>{escape(title)}</strong><ul>{items}</ul>{shown}</div>"

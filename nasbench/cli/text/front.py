"""The output of `nasbench front`, for one study or several."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nasbench.cli.shared import say, show_json, table
from nasbench.evaluate.measure import ACCURACY, explained, show_number
from nasbench.genotype.units import show_count, show_duration

if TYPE_CHECKING:
    import pandas as pd

    from nasbench.analysis.compare import Comparison
    from nasbench.analysis.study import Study

METRICS = ["phase", "number", "accuracy", "latency_ms", "macs", "params_count", "digest"]


def _columns(measure: str) -> tuple[str, ...]:
    return ">trial", f">{measure}", ">latency", ">MACs", ">params"


def show_front(study: Study) -> None:
    """Print the front of a study and its hypervolume."""
    front = study.front()
    measure = study.measure
    table(_columns(measure), _cells(front, [measure] * len(front)))
    if measure != ACCURACY:
        say(f"{measure}: {explained(measure)}; how accurate these networks are after a training alone is not known")
    elif front["latency_ms"].notna().any():
        say(f"hypervolume {study.hypervolume()}")
    else:
        say("the front is that of multiply-adds and accuracy: nothing asked for latencies, so none is known")


def front_json(study: Study) -> None:
    """Print the front of a study as JSON."""
    show_json(_records(study.front()[METRICS]))


def show_fronts(comparison: Comparison) -> None:
    """Print the fronts of several studies, then one line for each study."""
    fronts = comparison.front()
    measures = {name: study.measure for name, study in comparison.studies.items()}
    one = next(iter(measures.values())) if len(set(measures.values())) == 1 else ACCURACY
    cells = _cells(fronts, [measures[name] for name in fronts["study"]])
    table(("study", *_columns(one)), ((study, *row) for study, row in zip(fronts["study"], cells, strict=True)))
    say("")
    table(
        ("study", "strategy", ">limit", ">trials", ">cost", ">best", ">at", ">final round", ">hypervolume"),
        (
            (
                name, r["strategy"], f"{limit} ms" if (limit := _cell(r["limit_ms"], "g")) else "none", r["trials"],
                show_duration(r["cost_s"]), _value(r["accuracy"], measures[str(name)]),
                f"{ms} ms" if (ms := _cell(r["latency_ms"], ".1f")) else "",
                _value(r["final_accuracy"], measures[str(name)]), _cell(r["hypervolume_ms"], ".2f"),
            )
            for name, r in comparison.table().to_dict("index").items()
        ),
    )  # fmt: skip
    latency_ms, accuracy = comparison.reference
    if set(measures.values()) != {ACCURACY}:
        say("\nscores take the place of accuracies, and have no hypervolume")
    elif math.isnan(latency_ms):
        say("\nno latency is known, since nothing asked for it: the fronts are those of multiply-adds and accuracy; cost is training time")
    else:
        say(f"\nhypervolume in ms x accuracy below {latency_ms:g} ms and above accuracy {accuracy:.0%}; cost is training time")
    say(*(f"not comparable: {text}" for text in comparison.differences), *(f"note: {text}" for text in comparison.notes))


def fronts_json(comparison: Comparison) -> None:
    """Print the fronts of several studies as JSON."""
    latency_ms, accuracy = comparison.reference
    show_json(
        {
            "reference": {"latency_ms": latency_ms, "accuracy": accuracy},
            "differences": comparison.differences,
            "notes": comparison.notes,
            "studies": _records(comparison.table().reset_index()),
            "front": _records(comparison.front()[["study", *METRICS]]),
        }
    )


def _cells(front: pd.DataFrame, measures: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for r, measure in zip(front.to_dict("records"), measures, strict=True):
        macs, params = show_count(r["macs"]), show_count(r["params_count"])
        latency = _cell(r["latency_ms"], ".1f")
        yield f"{r['phase']} {r['number']}", show_number(r["accuracy"], measure), f"{latency} ms" if latency else "unknown", macs, params


def _cell(value: Any, shown: str) -> str:
    """A number in the given format; a missing one is empty."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else format(value, shown)


def _value(value: float | None, measure: str) -> str:
    """An accuracy or a score; a missing one is empty."""
    return "" if value is None or math.isnan(value) else show_number(value, measure)


def _records(df: pd.DataFrame) -> Any:
    return json.loads(df.to_json(orient="records"))

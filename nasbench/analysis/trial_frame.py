"""Trials as a DataFrame: a column for each result, and one for each parameter of the space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from nasbench.errors import StudyError, first_line
from nasbench.files import MALFORMED
from nasbench.study.trial import Trial

_NESTED = ("params", "constraints", "more", "genotype", "rungs")
# Columns of every frame of trials, even where no trial has them. Other numbers in the trials' records come after them.
RESULTS = ("latency_low_ms", "latency_high_ms", "predicted_ms", "measured_ms", "peak_bytes", "size_bytes", "epochs", "test_accuracy")
_NUMBERS = ("accuracy", "latency_ms", "reward", "seconds", *(n for n in RESULTS if n.endswith(("_ms", "accuracy"))))
_COUNTS = ("macs", "params_count", "duplicate_of", "parent", "peak_bytes", "size_bytes", "epochs")


def trial_frame(records: Sequence[Trial]) -> pd.DataFrame:
    """One row for each trial; `Study.trials` describes the columns.

    Raises:
        StudyError: a trial has text where a number should be.
    """
    results, parameters = columns(records)
    values = [{column: _written(t.params[name]) for column, name in parameters.items() if name in t.params} for t in records]
    of_results = pd.DataFrame([[getattr(t, n, t.more.get(n)) for n in results] for t in records], columns=results)
    try:
        of_results = of_results.astype({**dict.fromkeys(_NUMBERS, "float64"), **dict.fromkeys(_COUNTS, "Int64")})
    except MALFORMED as error:
        raise StudyError(f"the results of trials are numbers; ledger.db is damaged: {first_line(error)}; restore it from a copy") from None
    return pd.concat(
        [
            of_results,
            pd.DataFrame(values, columns=list(parameters)).convert_dtypes(),
            pd.DataFrame({"genotype": [t.genotype for t in records]}, dtype="str"),
        ],
        axis=1,
    )


def columns(records: Sequence[Trial]) -> tuple[list[str], dict[str, str]]:
    """The columns of results, and the space's parameters by the name of their column."""
    own = [f.name for f in fields(Trial) if f.name not in _NESTED]
    results = list(dict.fromkeys([*own, *RESULTS, *(k for t in records for k, v in t.more.items() if _is_result(k, v))]))
    names = dict.fromkeys(name for t in records for name in t.params)
    return results, {f"field.{name}" if name in {*results, "genotype"} else name: name for name in names}


def _is_result(name: str, value: object) -> bool:
    """Whether it is a column: single numbers and the origin of a network are, lists and texts are not."""
    return name == "origin" or isinstance(value, int | float)


def _written(value: Any) -> Any:
    """A parameter's value as YAML writes it, so that `null` differs from a parameter that the trial does not have."""
    return "null" if value is None else value

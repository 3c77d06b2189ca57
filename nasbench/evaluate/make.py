"""Evaluators by name: those that come with nasbench, and those of plugins."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from nasbench.errors import StudyError, nearest
from nasbench.evaluate.base import EVALUATORS, EvaluationContext, Evaluator


def make_evaluator(name: str, context: EvaluationContext, options: Mapping[str, Any]) -> Evaluator:
    """The evaluator of a study.

    Raises:
        StudyError: an unknown name or option, with the nearest; or a value that the evaluator refuses.
    """
    from nasbench.evaluate import supernet, table, train, zero_cost  # noqa: F401 - they register themselves

    if name not in EVALUATORS:
        raise StudyError(f"an evaluator is one of {', '.join(sorted(EVALUATORS))}; got {name!r}{nearest(name, EVALUATORS)}")
    parameters = list(inspect.signature(EVALUATORS[name]).parameters.values())[1:]
    known = [p.name for p in parameters]
    for option in options:
        if option not in known:
            has = f"its options are {', '.join(known)}" if known else "it has no options"
            raise StudyError(f"the evaluator {name} has no option {option!r}; {has}{nearest(option, known)}")
    for p in parameters:
        if p.default is p.empty and p.name not in options:
            raise StudyError(f"the evaluator {name} needs the option {p.name}; give --{p.name.replace('_', '-')} VALUE")
    return EVALUATORS[name](context, **options)

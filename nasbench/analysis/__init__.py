"""Look at it: studies as DataFrames, fronts, plots."""

from nasbench.analysis.front import pareto_front
from nasbench.analysis.study import Study, open_study

__all__ = ["Study", "open_study", "pareto_front"]

"""Benchmarks of strategies on tabular benchmarks: many searches with simulated evaluations, in minutes and without a noisy machine."""

from nasbench.bench.problem import BenchProblem
from nasbench.bench.run import Bench, BenchConfig, run_bench
from nasbench.bench.statistics import summary

__all__ = ["Bench", "BenchConfig", "BenchProblem", "run_bench", "summary"]

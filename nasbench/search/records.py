"""What the ledger stores of a trial beside the evaluator's result: metrics, reward and constraints."""

from __future__ import annotations

from typing import Any

from nasbench.search.config import SearchConfig
from nasbench.search.limits import Limits, Metrics, values
from nasbench.study.trial import Trial

METRICS = (
    "latency_ms", "latency_low_ms", "latency_high_ms", "measured_ms", "predicted_ms", "macs", "params_count", "peak_bytes", "size_bytes",
)  # fmt: skip


def metrics_record(metrics: Metrics, limits: Limits) -> dict[str, Any]:
    """Metrics as the ledger stores them: `latency_ms` is measured where that was needed, else predicted, and left out where unknown."""
    latency: dict[str, float] = {}
    if metrics.has_latency:
        latency = {"latency_ms": metrics.latency_ms, "latency_low_ms": metrics.low_ms, "latency_high_ms": metrics.high_ms}
    if metrics.measured is not None:
        latency |= {"measured_ms": metrics.measured.median_ms, "predicted_ms": metrics.prediction.ms}
    return {
        **latency,
        "macs": metrics.macs,
        "params_count": metrics.params,
        "peak_bytes": metrics.peak_bytes,
        "size_bytes": metrics.size_bytes,
        "constraints": limits.excess(metrics),
    }


def stored_metrics(trial: Trial) -> dict[str, Any]:
    """The metrics that a trial has in the ledger, as `metrics_record` gave them."""
    own = {"latency_ms": trial.latency_ms, "macs": trial.macs, "params_count": trial.params_count, **trial.more}
    return {name: own[name] for name in METRICS if own.get(name) is not None} | {"constraints": dict(trial.constraints)}


def complete_record(trial: Trial, result: dict[str, Any], metrics: Metrics | None, config: SearchConfig) -> dict[str, Any]:
    """The record of a trial that was evaluated.

    Args:
        result: see `Evaluation.to_record`.
        metrics: with which it was admitted; None for one that has passed a rung: it keeps those that it has in the ledger, since
            predictions are corrected meanwhile.
    """
    known = stored_metrics(trial) if metrics is None else metrics_record(metrics, config.limits)
    record = result | known
    accuracy = result.get("accuracy")
    if result.get("status") == "ok" and accuracy is not None:
        record["values"] = values(accuracy, known.get("latency_ms"), config.limits.latency_ms, config.mode)
        record["reward"] = record["values"][0]
    return record

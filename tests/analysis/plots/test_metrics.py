"""Every column of a picture has a label with its unit."""

from __future__ import annotations

import pytest

from nasbench.analysis.plots.metrics import METRICS, metric
from nasbench.errors import NasbenchError


def test_every_metric_names_its_unit():
    plain = {"year", "depth_layers"}
    assert [k for k, m in METRICS.items() if k not in plain and not m.label.endswith(")")] == []
    with pytest.raises(NasbenchError, match="latency_ms"):
        metric("latency")

"""The cores that this process may use."""

from __future__ import annotations

import os

import pytest

from nasbench.latency.processor import _quota, cpu_name, one_cpu_a_core, usable_cores


def test_the_processor_has_a_name_and_at_least_one_core() -> None:
    assert cpu_name().strip()
    assert 1 <= usable_cores() <= len(one_cpu_a_core()) <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("written", "cpus"), [("200000 100000", 2.0), ("50000 100000", 0.5), ("max 100000", None), ("what", None)])
def test_a_containers_quota(tmp_path, written: str, cpus: float | None) -> None:
    (tmp_path / "cpu.max").write_text(written)
    assert _quota(tmp_path / "cpu.max") == cpus
    assert _quota(tmp_path / "none") is None

from __future__ import annotations

import numpy as np
import pytest

from nasbench.errors import DeviceError
from nasbench.latency.measurement import Round, judge
from nasbench.latency.predicting import checking
from nasbench.latency.predicting.checking import Row, check, compare
from nasbench.latency.predicting.predict import Prediction


def row(predicted: float, measured: float, width: float = 0.1) -> Row:
    visits = [Round(measured, 5.0, 0.0)] * 8
    return Row("x", Prediction(predicted, predicted * (1 - width), predicted * (1 + width)), judge(visits))


def test_the_figures() -> None:
    report = compare([row(10.0, 10.0), row(20.6, 20.0), row(32.4, 30.0), row(50.0, 40.0)])
    assert (report.within5, report.within10, report.coverage) == (0.5, 0.75, 0.75)
    assert report.spearman == pytest.approx(1.0)
    assert report.median_error == pytest.approx((0.03 + 0.08) / 2)
    assert report.noisy == 0


def test_predictions_that_are_all_equal_have_no_rank() -> None:
    with pytest.warns(match="constant"):
        assert compare([row(10.0, m) for m in (10.0, 20.0, 30.0)]).spearman == 0.0


def test_a_slower_machine_is_corrected_and_said(paper, some, others, monkeypatch: pytest.MonkeyPatch) -> None:
    device = paper()
    held_out = dict(list(others.items())[:10])

    def slow(genotypes, *_: object, **__: object):
        draw = np.random.default_rng(0)
        return {
            name: judge([Round(2 * device.network(name, g).ms * s, 10.0 * s, 0.0) for s in draw.uniform(0.9, 1.1, 12)]).at_speed(10.0)
            for name, g in genotypes.items()
        }

    monkeypatch.setattr(checking, "measure", slow)
    report = check(device.profile(some), held_out)
    assert report.slowdown == pytest.approx(2.0)
    assert (report.within5, report.within10) == (1.0, 1.0)
    assert len(report.rows) == 10


def test_what_other_work_disturbed_is_left_out(paper, some, others, monkeypatch: pytest.MonkeyPatch) -> None:
    device, held_out = paper(), dict(list(others.items())[:10])

    def disturbed(count: int) -> None:
        def measure(genotypes, *_: object, **__: object):
            return {
                name: judge([Round(device.network(name, g).ms * (3 if i < count else 1), 5.0, 0.5 if i < count else 0.0)] * 8)
                for i, (name, g) in enumerate(genotypes.items())
            }

        monkeypatch.setattr(checking, "measure", measure)

    said: list[str] = []
    disturbed(5)
    report = check(device.profile(some), held_out, say=said.append)
    assert (len(report.rows), report.within5) == (5, 1.0)
    assert said == ["5 of 10 networks are left out: other work had the cores while they were measured"]
    disturbed(6)
    with pytest.raises(DeviceError, match="a check needs a quiet machine; other work kept the cores 50% of the time"):
        check(device.profile(some), held_out)


def test_profiled_networks_would_flatter_and_are_refused(paper, some, others) -> None:
    with pytest.raises(DeviceError, match="not profiled; sample 3 was"):
        check(paper().profile(some), {"sample 3": some["sample 3"], **others})
    with pytest.raises(DeviceError, match="at least 3 networks; got 1"):
        check(paper().profile(some), {"other 0": others["other 0"]})

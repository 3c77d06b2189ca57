"""Steps from one network to the next: exact counts beside the printed ones, and points only where the tests were alike."""

from __future__ import annotations

import math

import pytest

import nasbench as nb
from nasbench.analysis.network_steps import step_frame, steps_frame


def test_a_step_shows_exact_and_printed_figures() -> None:
    frame = step_frame("mobilenet_v1", "mobilenet_v2")
    assert frame.loc["parameters"].tolist() == ["4.232M", "3.505M", "x 0.828"]
    assert frame.loc["multiply-adds"].tolist() == ["568.7M", "300.8M", "x 0.529"]
    assert frame.loc["  as printed"].tolist() == ["4.2M", "3.4M", "x 0.81"]
    assert frame.loc["ImageNet top-1, %"].tolist() == ["70.60", "72.00", "+1.40"]
    assert "CIFAR-10 error, %" not in frame.index
    assert "  tested with" not in frame.index  # both with one crop


def test_another_kind_of_test_is_said() -> None:
    assert step_frame("plain34", "resnet34_a").loc["  tested with"].tolist() == ["10 crops", "10 crops", ""]
    assert step_frame("alexnet_original", "vgg16").loc["  tested with"].tolist() == ["10 crops", "dense", "not alike"]
    assert step_frame("preresnet1001_cifar10", "wrn28_10_cifar10").loc["CIFAR-10 error, %", "change"] == "-0.92"


def test_points_cost_what_the_counts_say() -> None:
    frame = steps_frame(
        [
            ("shortcut", "plain34", "resnet34_a"),
            ("inverted residual", "mobilenet_v1", "mobilenet_v2"),
            ("squeeze", "resnet50_v1", "seresnet50"),
            ("dense", "resnet50", "densenet121"),
            ("3x3 only", "alexnet_original", "vgg16"),
            ("pre-activation", "resnet50_v1", "preresnet50"),
        ]
    )
    macs = {name: nb.cost(nb.known(name)).macs for name in ("mobilenet_v1", "mobilenet_v2", "resnet50_v1", "seresnet50")}
    assert frame.loc["shortcut", ["params_times", "macs_times", "macs_per_point"]].tolist() == [1.0, 1.0, 0.0]
    assert frame.loc["shortcut", "top1_points"] == pytest.approx(3.51)
    assert frame.loc["inverted residual", "macs_per_point"] == pytest.approx((macs["mobilenet_v2"] - macs["mobilenet_v1"]) / 1.4)
    assert frame.loc["squeeze", "macs_per_point"] == pytest.approx((macs["seresnet50"] - macs["resnet50_v1"]) / 1.41)
    assert frame.loc["dense", "top1_points"] == pytest.approx(-1.01)
    assert math.isnan(frame.loc["dense", "macs_per_point"])  # nothing was gained
    assert frame.loc[["3x3 only", "pre-activation"], ["top1_points", "macs_per_point"]].isna().all(axis=None)  # not alike; none published
    assert frame.loc["3x3 only", ["before", "after", "year", "top1_percent"]].tolist() == ["alexnet_original", "vgg16", 2014, 74.4]

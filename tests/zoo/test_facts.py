"""What the facts say was published: figures with their rounding, reasons for differences, accuracies, years, families."""

from __future__ import annotations

import dataclasses
import re

import pytest

from nasbench.errors import GenotypeError
from nasbench.zoo import Printed, facts, known, members

NAMES = known()


@pytest.mark.parametrize(
    ("text", "value", "step", "least", "most"),
    [
        ("5.3M", 5_300_000, 100_000, 5_250_000, 5_350_000),
        ("1.0G", 1_000_000_000, 100_000_000, 950_000_000, 1_050_000_000),  # the nought was printed
        ("138M", 138_000_000, 1_000_000, 137_500_000, 138_500_000),
        ("6797K", 6_797_000, 1_000, 6_796_500, 6_797_500),
        ("2578", 2578, 1, 2578, 2578),  # exact
    ],
)
def test_a_printed_figure_holds_what_rounds_to_it(text: str, value: int, step: int, least: int, most: int) -> None:
    printed = Printed(text)
    assert (printed.value, printed.step) == (pytest.approx(value), pytest.approx(step))
    assert all(printed.holds(n) for n in (least, value, most))
    assert not any(printed.holds(n) for n in (least - 1, most + 1))


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_that_is_not_the_papers_has_a_reason_and_no_other_has(name: str) -> None:
    fact = facts()[name]
    assert bool(fact.why) == bool(fact.differs), (fact.differs, fact.why)


def test_a_missing_reason_would_be_seen() -> None:
    fact = facts()["vgg16"]
    assert fact.differs == ()
    assert dataclasses.replace(fact, params=138_600_000).differs == ("params",)
    assert dataclasses.replace(fact, macs=15_400_000_000).differs == ("macs",)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mobilenet_v2_075", -26_640),  # without batch norms
        ("mobilenet_v2_050", -18_544),
        ("preresnet1001_cifar10", -149_216),
    ],
)
def test_reasons_that_are_arithmetic_add_up(name: str, change: int) -> None:
    from nasbench.genotype import trace

    fact = facts()[name]
    assert fact.printed_params is not None
    assert -change == sum(x.params for x in trace(known(name)) if x.kind == "norm")
    assert f"{-change:,}" in fact.why
    assert fact.printed_params.holds(fact.params + change)


def test_nasnets_ports_explain_the_difference() -> None:
    fact = facts()["nasnet_a_mobile"]
    assert fact.printed_macs is not None
    assert fact.printed_macs.holds(fact.macs - 4_596_042)
    assert "4,596,042" in fact.why


# By hand from the papers' tables: 100 less the printed error, or the printed accuracy.
TOP1 = {
    "alexnet_original": (100 - 40.7, "10 crops"),
    "vgg16": (100 - 25.6, "dense"),
    "resnet34_a": (100 - 25.03, "10 crops"),
    "plain34": (100 - 28.54, "10 crops"),
    "resnet50_v1": (100 - 24.7, "1 crop"),
    "inception_v3": (100 - 21.2, "1 crop"),
    "xception": (79.0, "1 crop"),
    "resnext50_32x4d": (100 - 22.2, "1 crop"),
    "densenet121": (100 - 25.02, "1 crop"),
    "seresnet50": (100 - 23.29, "1 crop"),
    "squeezenet1_0": (57.5, "1 crop"),
    "mobilenet_v1": (70.6, "1 crop"),
    "mobilenet_v2": (72.0, "1 crop"),
    "mobilenet_v3_large": (75.2, "1 crop"),
    "shufflenet_v2_x1_0": (100 - 30.6, "1 crop"),
    "mnasnet_a1": (75.2, "1 crop"),
    "nasnet_a_large": (82.7, "1 crop"),
    "efficientnet_v2_l": (85.7, "1 crop"),
}
CIFAR10 = {"resnet110_cifar10": 6.43, "preresnet1001_cifar10": 4.92, "wrn28_10_cifar10": 4.00, "densenet190_k40_bc_cifar10": 3.46}


@pytest.mark.parametrize("name", TOP1)
def test_top1_is_the_papers(name: str) -> None:
    value, test = TOP1[name]
    assert facts()[name].top1 == pytest.approx(value, abs=1e-9)
    assert facts()[name].top1_test == test


@pytest.mark.parametrize("name", CIFAR10)
def test_cifar10_errors_are_the_papers(name: str) -> None:
    assert facts()[name].cifar10_error == CIFAR10[name]


def test_accuracies_are_possible_and_have_a_source() -> None:
    found = facts()
    for name, fact in found.items():
        side = known(name).input[1]
        assert (fact.top1 is None) == (fact.top1_test is None) == (fact.top1_side is None), name
        assert bool(fact.accuracy_source) == (fact.top1 is not None or fact.cifar10_error is not None), name
        if fact.top1 is not None:
            assert 40 < fact.top1 < 90, name
            assert side >= 224, name
            assert fact.top1_test in ("1 crop", "10 crops", "dense"), name
            assert fact.top1_side is not None
            assert side <= fact.top1_side <= 384 or fact.top1_side == side, name
        if fact.cifar10_error is not None:
            assert 2 < fact.cifar10_error < 10, name
            assert side == 32, name
    assert sum(f.top1 is not None for f in found.values()) == 90
    assert sum(f.cifar10_error is not None for f in found.values()) == 25


@pytest.mark.parametrize(
    "names",
    [
        [f"efficientnet_b{i}" for i in range(8)],
        [f"efficientnet_v2_{s}" for s in "sml"],
        ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"],
        ["resnet50_v1", "resnet101_v1", "resnet152_v1"],
        ["densenet121", "densenet169", "densenet201"],
        ["seresnet50", "seresnet101", "seresnet152"],
        ["mobilenet_v1_025", "mobilenet_v1_050", "mobilenet_v1_075", "mobilenet_v1"],
        ["mobilenet_v2_050", "mobilenet_v2_075", "mobilenet_v2", "mobilenet_v2_140"],
        ["mnasnet_a1_050", "mnasnet_a1_075", "mnasnet_a1", "mnasnet_a1_140"],
        ["shufflenet_v1_g3_x0_25", "shufflenet_v1_g3_x0_5", "shufflenet_v1_g3"],
        ["shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"],
        ["vgg11", "vgg13", "vgg16", "vgg19"],
    ],
    ids=lambda names: names[0],
)
def test_a_larger_one_of_a_family_is_better(names: list[str]) -> None:
    scores = [facts()[name].top1 for name in names]
    assert None not in scores
    assert scores == sorted(set(scores))  # type: ignore[type-var]
    assert [facts()[name].macs for name in names] == sorted(facts()[name].macs for name in names)


def test_efficientnets_are_the_last_version_of_the_paper() -> None:
    assert [facts()[f"efficientnet_b{i}"].top1 for i in range(8)] == [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3]


def test_years_are_those_of_the_papers() -> None:
    found = facts()
    years = {"lenet1": 1989, "lenet5": 1998, "alexnet_original": 2012, "vgg16": 2014, "resnet50": 2015, "nasnet_a_large": 2017}
    assert {name: found[name].year for name in years} == years
    assert all(1989 <= f.year <= 2021 for f in found.values())
    for name, f in found.items():  # the source that is named first is not older than the design
        named = re.search(r"\b(19|20)\d\d\b", f.source)
        assert named is None or f.year <= int(named[0]) or f.source.startswith("none"), (name, f.year, f.source)


@pytest.mark.parametrize(
    ("family", "families"),
    [
        ("mobilenet", {"mobilenetv1", "mobilenetv2", "mobilenetv3"}),
        ("shuffle", {"shufflenetv1", "shufflenetv2"}),
        ("resnet", {"resnet"}),  # a family's own name stands for it alone
        ("resnet_", {"resnet_cifar"}),
        ("densenet", {"densenet"}),
    ],
)
def test_a_family_is_named_by_its_beginning(family: str, families: set[str]) -> None:
    assert members(family) == [name for name in NAMES if facts()[name].family in families]


@pytest.mark.parametrize(("family", "said"), [("mobilnet", "did you mean mobilenet"), ("", "there is no family ''; there are alexnet")])
def test_an_unknown_family_is_refused(family: str, said: str) -> None:
    with pytest.raises(GenotypeError, match=re.escape(said)):
        members(family)

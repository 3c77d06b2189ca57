"""The choice of an engine: impossible ones are refused, and it is the same after JSON."""

from __future__ import annotations

import pytest

from nasbench.engines.config import EngineConfig
from nasbench.errors import StudyError


@pytest.mark.parametrize(
    ("choice", "match"),
    [
        ({"name": "rya"}, "an engine is local or ray; got 'rya'; did you mean ray"),
        ({"cpus": 0}, "--cpus-per-trial is a whole number up to 1024, or a share of one, such as 0.5; got 0"),
        ({"cpus": 1.5}, "got 1.5"),
        ({"gpus": 1.5}, "a share of a GPU"),
        ({"address": "auto"}, "--address is Ray's; got 'auto' with --engine local"),
        ({"measure_on": "phone"}, "--measure-on is Ray's"),
    ],
)
def test_impossible_choices(choice, match):
    with pytest.raises(StudyError, match=match):
        EngineConfig(**choice)


def test_json_gives_the_same_choice():
    choice = EngineConfig(name="ray", cpus=2, gpus=0.25, address="auto", measure_on="phone")
    assert EngineConfig.from_json(choice.to_json()) == choice
    with pytest.raises(StudyError, match="an engine is made of name, cpus, gpus, address, measure_on; got nodes"):
        EngineConfig.from_json({"nodes": 3})


@pytest.mark.parametrize(
    ("choice", "decisive", "words"),
    [
        ({}, {}, ""),
        ({"cpus": 0.5}, {}, ", 0.5 CPUs each"),  # one thread, as by default
        ({"cpus": 4}, {"threads": 4}, ", 4 CPUs each"),
        ({"gpus": 0.25}, {"trains_on": "cuda"}, ", 0.25 GPU each"),
        ({"name": "ray", "address": "auto"}, {}, " by Ray at auto"),
    ],
)
def test_what_a_choice_decides_and_how_it_is_shown(choice, decisive, words):
    config = EngineConfig(**choice)
    assert (config.decisive(), config.words()) == (decisive, words)

"""Decode, encode and count are read off one structure; here each is held against a plain enumeration."""

from __future__ import annotations

import random
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import spaces

from nasbench.errors import SpaceError
from nasbench.genotype import Genotype, digest, trace
from nasbench.spaces import Options, ParameterValues, Space, load_space, read_space, space_names
from nasbench.zoo import known


def enumerated(space: Space) -> list[tuple[Genotype, ParameterValues]]:
    """Every way to value, by asking again and again with the next list of positions, as an odometer counts."""
    found, wheel = [], list[int]()
    while True:
        asked: list[tuple[str, Options]] = []
        values: ParameterValues = {}

        def choose(name: str, options: Options) -> Any:
            place = wheel[len(asked)] if len(asked) < len(wheel) else 0  # noqa: B023 - called at once
            asked.append((name, options))  # noqa: B023
            assert name not in values, f"{name} is asked twice"  # noqa: B023
            values[name] = options[place]  # noqa: B023
            return options[place]

        g = space.decode(choose)
        found.append((g, values))
        wheel = wheel + [0] * (len(asked) - len(wheel))
        while wheel and wheel[-1] == len(asked[len(wheel) - 1][1]) - 1:
            wheel.pop()
        if not wheel:
            return found
        wheel[-1] += 1


def replayed(space: Space, values: ParameterValues) -> Genotype:
    return space.decode(lambda name, options: values[name])


@settings(max_examples=40)
@given(spaces())
def test_count_is_the_number_of_ways_to_answer(space: Space) -> None:
    found = enumerated(space)
    assert space.count() == len(found)
    assert len({tuple(values.items()) for _, values in found}) == len(found)
    assert [g for g, _ in found] == list(space)


@settings(max_examples=40)
@given(spaces(most=60))
def test_encode_leads_back(space: Space) -> None:
    """To the same network for each point; where two readings are possible, not always by the same values."""
    for g, values in enumerated(space):
        assert replayed(space, values) == g
        values = space.encode(g)
        assert digest(replayed(space, values)) == digest(g)
        assert g in space


@settings(max_examples=40)
@given(spaces(), st.integers(0, 10**9))
def test_a_sample_is_a_point_and_its_seed_names_it(space: Space, seed: int) -> None:
    g = space.sample(seed)
    assert g == space.sample(seed) == space.sample(random.Random(seed))
    assert g in space
    assert g in [point for point, _ in enumerated(space)]


@settings(max_examples=40)
@given(spaces())
def test_describe_has_the_ways_of_each_part(space: Space) -> None:
    for place, said, ways in space.describe():
        assert place
        assert said
        assert ways >= 1
        assert "\n" not in said


def test_tiny_is_enumerable() -> None:
    space = load_space("tiny")
    found = enumerated(space)
    assert space.count() == len(found) == 256
    assert len({digest(g) for g, _ in found}) == 256
    for g, values in found:
        assert space.encode(g) == values
        assert trace(g)[-1].shape == (10, 1, 1)


def test_a_sample_reaches_every_point() -> None:
    space = load_space("tiny")
    assert len({digest(space.sample(seed)) for seed in range(3000)}) == 256


def test_a_fixed_field_and_an_absent_layer_are_not_asked() -> None:
    space = read_space("""
      resolution: [32, 64]
      stages:
        - {op: conv, width: [8, 16], kernel: 3, stride: 2, act: [null, silu], repeat: [0, 1, 2], vary: [act]}
    """)
    asked: list[list[str]] = []
    for repeat in (0, 1, 2):
        names: list[str] = []

        def choose(name: str, options: Options, repeat: int = repeat, names: list[str] = names) -> Any:
            names.append(name)
            return repeat if name.endswith("repeat") else options[0]

        space.decode(choose)
        asked.append(names)
    first = ["resolution", "stages.0.0.repeat"]
    assert asked[0] == first
    assert asked[1] == [*first, "stages.0.0.width", "stages.0.0.act.0"]
    assert asked[2] == [*first, "stages.0.0.width", "stages.0.0.act.0", "stages.0.0.act.1"]
    assert space.count() == 2 * (1 + 2 * 2 + 2 * 4)


def test_options_are_scalars_or_a_range() -> None:
    space = read_space("stem: [{op: conv, width: {range: [8, 32, 8]}, act: [null, relu], bias: [true, false]}]")
    seen: dict[str, Options] = {}
    space.decode(lambda name, options: seen.setdefault(name, options)[0])
    assert seen == {"stem.0.width": range(8, 33, 8), "stem.0.act": [None, "relu"], "stem.0.bias": [True, False]}
    assert type(seen["stem.0.width"]) is range


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolution", "large"),
        ("resolution", 100),
        ("resolution", None),
        ("resolution", True),
        ("stem.0.bias", 1),  # equal to true, but not it
        ("stem.0.width", 9),
        ("stem.0.width", [8]),
        ("stem.0.width", "a" * 10_000),
        ("head", "none"),
    ],
)
def test_an_value_that_is_no_option_is_refused(name: str, value: Any) -> None:
    space = read_space("""
      resolution: [32, 64]
      stem: [{op: conv, width: {range: [8, 32, 8]}, bias: [true, false]}]
      head: {a: [{op: gap}], b: [{op: flatten}]}
    """)
    with pytest.raises(SpaceError) as caught:
        space.decode(lambda asked, options: value if asked == name else options[0])
    assert str(caught.value).startswith(f"{name} is one of ")
    assert "; got " in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_equal_value_becomes_the_option() -> None:
    """A database may give 8.0 back for 8."""
    space = read_space("stem: [{op: conv, width: [8, 16]}]")
    g = space.decode(lambda name, options: 8.0)
    assert g == space.decode(lambda name, options: 8)
    assert type(g.stem[0].fields["width"]) is int


def test_optuna_is_a_chooser_of_one_line() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    space = load_space("mbconv")
    for _ in range(12):
        trial = study.ask()
        g = space.decode(trial.suggest_categorical)
        assert g in space
        assert space.encode(g) == trial.params
        study.tell(trial, 0.0)


OUTSIDE = "n is outside the space drawn: "


@pytest.mark.parametrize(
    ("space", "g", "said"),
    [
        ("resolution: [32, 64]", "input: [3, 48, 48]", "its input is [3, 48, 48]; here it is [3, n, n] with n one of 32, 64"),
        ("resolution: {range: [32, 64, 16]}", "input: [3, 40, 40]", "with n one of 32 to 64 in steps of 16"),
        ("channels: 1", "", "its input is [3, 224, 224]; here it is [1, n, n]"),
        ("", "input: [3, 224, 200]", "its input is [3, 224, 200]"),
        ("style: {a: {}, b: {act: silu}}", "style: {act: relu6}", "its style is {'act': 'relu6'}; here it is one of a, b"),
        (
            "stem: [{op: conv, width: [8, 16]}]",
            "stem: [{op: conv, width: 9}]",
            "stem: stem.0.width: width of layer 1 is 9, the options are 8, 16",
        ),
        (
            "stem: [{op: conv, width: 8}]",
            "stem: [{op: conv, width: 8, act: silu}]",
            "stem.0.act: act of layer 1 is 'silu', the options are null",
        ),
        ("stem: [{op: conv, width: 8}]", "stem: [{op: fire, squeeze: 8, expand: 8}]", "stem: stem.0 is a conv and layer 1 a fire"),
        ("stem: [{op: conv, width: 8}]", "", "stem: stem.0 needs 1 layers of conv and there are 0 left"),
        ("stem: [{op: conv, width: 8}]", "stem: [{op: conv, width: 8, repeat: 2}]", "stem: layer 2 (conv) is one too many"),
        (
            "stages: [{op: conv, width: [8, 16], repeat: [1, 2]}]",
            "stages: [[{op: conv, width: 8}, {op: conv, width: 16}]]",
            "stages: stages.0.0.width: width is 8 before layer 2 and 16 there",
        ),
        (
            "stages: [{op: conv, width: 8, stride: 2, repeat: 2}]",
            "stages: [[{op: conv, width: 8, stride: 2}, {op: conv, width: 8, stride: 2}]]",
            "stages.0.0.stride: stride of layer 2 is 2, the options are 1",
        ),
        (
            "head: {a: [{op: gap}], b: [{op: flatten}]}",
            "head: [{op: linear, width: 10}]",
            "head a: head.a.0 is a gap and layer 1 a linear; head b: head.b.0 is a flatten and layer 1 a linear",
        ),
        (
            "stages: [{any_of: [{op: conv, width: 8}, {op: separable, width: 8}]}]",
            "stages: [[{op: shuffle, width: 8}]]",
            "stages.0.0.conv is a conv and layer 1 a shuffle",
        ),
    ],
)
def test_a_network_outside_is_named_with_the_first_field_that_cannot(space: str, g: str, said: str) -> None:
    where, network = read_space(f"name: drawn\n{space}"), Genotype.from_yaml(f"name: n\n{g}")
    with pytest.raises(SpaceError) as caught:
        where.encode(network)
    assert str(caught.value).startswith(OUTSIDE)
    assert said in str(caught.value)
    assert network not in where
    assert "n" not in where


def test_two_spellings_of_one_network_are_the_same_point() -> None:
    space = read_space("resolution: 32\nstages: [{op: conv, width: [8, 16], stride: [1, 2], repeat: [1, 2, 3]}]")
    runs = (
        "stages: [[{op: conv, width: 8, stride: 2, repeat: 3}]]",
        "stages: [[{op: conv, width: 8, stride: 2}, {op: conv, width: 8, repeat: 2}]]",
        "stages: [[{op: conv, width: 8, stride: 2}], [{op: conv, width: 8}, {op: conv, width: 8}]]",
    )
    found = [space.encode(Genotype.from_yaml(f"input: [3, 32, 32]\n{run}")) for run in runs]
    assert found[0] == found[1] == found[2] == {"stages.0.0.repeat": 3, "stages.0.0.width": 8, "stages.0.0.stride": 2}


def test_names_and_errors_of_loading() -> None:
    assert {"macro", "mbconv", "tiny"} <= set(space_names())
    for name in space_names():
        space = load_space(name)
        assert space.name == name
        assert space.about
    with pytest.raises(
        SpaceError, match=r"there is no space 'mbcnv'; did you mean mbconv\?; there are .*macro.*tiny.*, or name a \.yaml file"
    ):
        load_space("mbcnv")


def test_only_what_belongs_to_it_is_in_a_space() -> None:
    tiny = load_space("tiny")
    assert [name for name in known() if known(name) in tiny] == []
    assert tiny.sample(0) in tiny
    assert tiny.sample(0) not in load_space("macro")

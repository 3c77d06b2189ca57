"""The spaces that hold all families: every classic is a point, and what is drawn, mutated and crossed is a network."""

from __future__ import annotations

import random
from collections import Counter
from functools import lru_cache

import pytest
from variants import cross, mutate, picks_block

from nasbench.genotype import Genotype, cost, digest
from nasbench.spaces import ParameterValues, Space, load_space
from nasbench.spaces.parts import Alternatives
from nasbench.zoo import known

SIZES = {"shared": (224, 331), "shared_small": (28, 32)}
space = lru_cache(load_space)


def members(name: str) -> list[str]:
    low, high = SIZES[name]
    return [n for n in known() if low <= known(n).input[1] <= high]


def decoded(where: Space, values: ParameterValues) -> Genotype:
    return where.decode(lambda name, options: values[name])


@lru_cache(maxsize=2)
def drawn(name: str) -> tuple[Genotype, ...]:
    return tuple(space(name).sample(seed) for seed in range(1000))


def families(values: ParameterValues) -> dict[str, str]:
    """Which alternative or block each place took."""
    return {name: value for name, value in values.items() if picks_block(name)}


def test_every_classic_but_the_largest_inputs_is_meant_to_be_inside() -> None:
    outside = set(known()) - set(members("shared")) - set(members("shared_small"))
    assert outside == {f"efficientnet_b{n}" for n in (4, 5, 6, 7)} | {f"efficientnet_v2_{size}" for size in "sml"}


@pytest.mark.parametrize(("name", "network"), [(name, network) for name in SIZES for network in members(name)])
def test_a_classic_is_a_point(name: str, network: str) -> None:
    g = known(network)
    values = space(name).encode(g)
    assert g in space(name)
    assert digest(decoded(space(name), values)) == digest(g)


@pytest.mark.parametrize("name", SIZES)
def test_a_classic_that_is_changed_a_little_is_not(name: str) -> None:
    """A control: the spaces do not take in just anything."""
    for network in members(name):
        g = known(network)
        i = max(i for i, row in enumerate(g.head) if "width" in row.fields)
        head = (*g.head[:i], g.head[i].but(width=999), *g.head[i + 1 :])
        assert Genotype(g.name, g.input, g.stem, g.stages, head, g.style) not in space(name)


@pytest.mark.parametrize("name", SIZES)
def test_a_thousand_samples_are_networks_within_the_bounds(name: str) -> None:
    bounds = space(name).bounds
    for g in drawn(name):
        c = cost(g)
        assert 0 < c.macs <= bounds.macs
        assert 0 < c.params <= bounds.params
        assert c.train_peak_bytes <= bounds.memory
        assert 1 < c.depth <= bounds.depth
    assert len({digest(g) for g in drawn(name)}) > 990


@pytest.mark.parametrize("name", SIZES)
def test_samples_mix_the_families(name: str) -> None:
    values = [space(name).encode(g) for g in drawn(name)]
    seen = Counter((name, value) for a in values for name, value in families(a).items())
    for i, stage in enumerate(space(name).stages):
        assert isinstance(stage, Alternatives)
        for family in stage.sequences:
            assert seen[f"stages.{i}", family] >= 5, (i, family)
    mixed = [len({row.op for stage in g.stages for row in stage} - {"pool", "lrn", "dropout"}) for g in drawn(name)]
    assert sum(n >= 2 for n in mixed) > 0.8 * len(mixed)


@pytest.mark.parametrize("name", SIZES)
def test_two_hundred_mutants_cross_a_family_and_are_networks(name: str) -> None:
    rng = random.Random(0)
    crossed: Counter[tuple[str, str]] = Counter()
    for g in drawn(name)[:200]:
        before = space(name).encode(g)
        mutant, values = mutate(space(name), before, rng, among=picks_block)
        assert cost(mutant).macs > 0
        assert mutant in space(name)
        assert digest(mutant) == digest(decoded(space(name), values))
        changed = {k for k, v in families(values).items() if before.get(k, v) != v}
        assert changed, "one place at least holds another family"
        crossed.update((before[k], values[k]) for k in changed)
    assert len(crossed) > 60


def test_a_fire_stage_may_become_an_mbconv_stage() -> None:
    where, rng = space("shared"), random.Random(0)
    before = where.encode(known("squeezenet1_0"))
    assert before["stages.2"] == "fire"
    after = [mutate(where, before, rng, among=lambda name: name == "stages.2")[1] for _ in range(200)]
    mbconv = [a for a in after if a["stages.2"] == "mbconv"]
    assert mbconv
    for values in mbconv:
        g = decoded(where, values)
        assert {"fire", "mbconv"} <= {row.op for row in g.blocks}
        assert cost(g).params > 0


@pytest.mark.parametrize("name", SIZES)
def test_children_of_different_families_are_networks(name: str) -> None:
    rng = random.Random(0)
    parents = [space(name).encode(known(n)) for n in members(name)]
    for _ in range(100):
        a, b = rng.sample(parents, 2)
        child, values = cross(space(name), a, b, rng)
        assert cost(child).macs > 0
        assert decoded(space(name), values) == child


@pytest.mark.parametrize("name", SIZES)
def test_a_sample_reads_back(name: str) -> None:
    for g in drawn(name)[:50]:
        assert Genotype.from_yaml(g.to_yaml()) == g

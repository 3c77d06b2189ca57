"""Growth: every direction has a network of the wanted cost, and its shares are those that rounding left."""

from __future__ import annotations

import math

import pytest
from growth_formula import BASE, GROWTH, macs

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, cost
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.scaling_fit.directions import AXES, lattice
from nasbench.scaling_fit.growth import Growth


@pytest.mark.parametrize("size", [2.0, 4.0])
@pytest.mark.parametrize("shares", lattice(4))
def test_every_direction_has_a_network_of_the_wanted_cost(shares, size):
    candidate = GROWTH.nearest(shares, size)
    assert candidate.within_tolerance
    assert abs(candidate.ratio / size - 1) <= 0.1
    assert cost(candidate.network).macs == candidate.macs == pytest.approx(candidate.ratio * macs(BASE))
    assert candidate.growth == pytest.approx(candidate.ratio)
    assert sum(candidate.shares) == pytest.approx(1)
    assert candidate.shares == pytest.approx(shares, abs=0.2)  # blocks and channels are whole numbers


@pytest.mark.parametrize(("axis", "shares"), AXES.items())
def test_growth_along_one_axis_does_not_change_the_others(axis, shares):
    g = GROWTH.nearest(shares, 2.0).network
    assert (g.input != BASE.input) is (axis == "resolution")
    assert ([b.repeat for s in g.stages for b in s] != [b.repeat for s in BASE.stages for b in s]) is (axis == "depth")
    assert (g.stem[0].fields["width"] != BASE.stem[0].fields["width"]) is (axis == "width")
    d, w, r = GROWTH.log_growth(g)
    assert {"depth": d, "width": w, "resolution": r}[axis] == pytest.approx(d + w + r)


def test_the_logarithms_sum_to_the_whole_growth():
    g = GROWTH.nearest((0.3, 0.4, 0.3), 4.0).network
    assert sum(GROWTH.log_growth(g)) == pytest.approx(math.log(cost(g).macs / cost(BASE).macs))
    assert GROWTH.log_growth(BASE) == pytest.approx((0, 0, 0))


def test_the_base_is_a_candidate_that_does_not_grow():
    base = GROWTH.candidate(BASE, (0.0, 0.0, 0.0), 1.0, "base")
    assert (base.ratio, base.growth, base.shares) == (1.0, 1.0, (0.0, 0.0, 0.0))


def test_a_network_that_cannot_grow_says_why():
    fixed = Genotype("fixed", (3, 32, 32), stages=((conv(8, 3),),), head=(gap(), linear(10)))

    def no_larger(g):
        if g is fixed:
            return 1.0
        raise GenotypeError("too large")

    with pytest.raises(GenotypeError, match=r"fixed cannot grow by shares 0\.00, 1\.00, 0\.00.*too large"):
        Growth(fixed, 8, no_larger).nearest((0, 1, 0), 2.0)

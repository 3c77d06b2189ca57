"""Networks of the asked cost: the constraint is honoured, and what rounding left is told."""

from __future__ import annotations

import json
import math

import pytest
from formula import evaluator_of
from growth_formula import BASE, GROWTH, grown, macs

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, cost
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.directions import AXES, Candidate, Growth, curves, lattice
from nasbench.scaling_fit.problem import FitProblem
from nasbench.training.recipe import Recipe, proxy_input
from nasbench.zoo import known


@pytest.mark.parametrize("size", [2.0, 4.0])
@pytest.mark.parametrize("shares", lattice(4))
def test_the_constraint_is_honoured_in_every_direction(shares, size):
    c = GROWTH.nearest(shares, size)
    assert c.honoured
    assert abs(c.ratio / size - 1) <= 0.1
    assert cost(Genotype.from_yaml(c.genotype)).macs == c.macs == pytest.approx(c.ratio * macs(BASE))
    law = c.effective
    assert law.alpha * law.beta**2 * law.gamma**2 == pytest.approx(c.ratio)
    assert sum(c.got) == pytest.approx(1)
    assert c.got == pytest.approx(shares, abs=0.2)  # blocks and channels are whole numbers
    assert Candidate.from_json(json.loads(json.dumps(c.to_json()))) == c


@pytest.mark.parametrize(("axis", "shares"), AXES.items())
def test_an_axis_alone_leaves_the_others_as_they_are(axis, shares):
    g = Genotype.from_yaml(GROWTH.nearest(shares, 2.0).genotype)
    assert (g.input != BASE.input) is (axis == "resolution")
    assert ([r.repeat for s in g.stages for r in s] != [r.repeat for s in BASE.stages for r in s]) is (axis == "depth")
    assert (g.stem[0].fields["width"] != BASE.stem[0].fields["width"]) is (axis == "width")
    d, w, r = GROWTH.parts(g)
    assert {"depth": d, "width": w, "resolution": r}[axis] == pytest.approx(d + w + r)


def test_parts_sum_to_the_growth():
    g = Genotype.from_yaml(GROWTH.nearest((0.3, 0.4, 0.3), 4.0).genotype)
    assert sum(GROWTH.parts(g)) == pytest.approx(math.log(cost(g).macs / cost(BASE).macs))
    assert GROWTH.parts(BASE) == pytest.approx((0, 0, 0))


def test_a_network_that_cannot_grow_says_why():
    fixed = Genotype("fixed", (3, 32, 32), stages=((conv(8, 3),),), head=(gap(), linear(10)))

    def no_larger(g):
        raise GenotypeError("too large")

    with pytest.raises(GenotypeError, match="too large"):
        Growth(fixed, 8, no_larger).nearest((0, 1, 0), 2.0)


def test_curves_are_the_axes_two_known_laws_and_the_fitted():
    found = curves((0.2, 0.5, 0.3))
    assert list(found)[:3] == ["depth", "width", "resolution"]
    assert found["fitted"] == (0.2, 0.5, 0.3)
    assert all(sum(s) == pytest.approx(1) for s in found.values())


@pytest.mark.parametrize("train_size", [14, 20, 28, 32, 50])
def test_resolution_really_is_that_of_training(train_size):
    """Each allowed side trains at another whole number of pixels, in proportion."""
    request = FitConfig(network="resnet18", genotype=known("resnet18"), recipe=Recipe(train_size=train_size))
    task = FitProblem(request, evaluator_of(grown))
    sides = sorted({task.side(wanted) for wanted in range(160, 450)})
    pixels = [proxy_input((3, side, side), request.recipe)[1] for side in sides]
    assert pixels == list(range(pixels[0], pixels[-1] + 1))
    assert all(abs(side * train_size / 224 - p) <= train_size / 448 for side, p in zip(sides, pixels, strict=True))


def test_small_images_grow_by_single_pixels():
    request = FitConfig(network="resnet20_cifar10", genotype=known("resnet20_cifar10"))
    assert [FitProblem(request, evaluator_of(grown)).side(w) for w in (32.2, 36.8, 4.0)] == [32, 37, 8]

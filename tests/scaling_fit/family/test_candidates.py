"""The candidates of a family go along the law, from below the lowest limit to above the highest."""

from __future__ import annotations

import pytest
from paper_search import profile

from nasbench.errors import LimitError
from nasbench.genotype import digest
from nasbench.latency import Predictor
from nasbench.scaling import PUBLISHED, Law
from nasbench.scaling_fit.family.candidates import RESOLUTION_STEPS, family_candidates
from nasbench.zoo import known

BASE = known("mobilenet_v2")


@pytest.fixture(scope="module")
def predictor():
    return Predictor(profile("mbconv", lean=1.2, error=0.05))


def test_candidates_go_along_the_law_from_below_the_lowest_limit_to_above_the_highest(predictor):
    candidates = family_candidates(BASE, PUBLISHED, predictor, 5.0, 40.0)
    assert len({c.digest for c in candidates}) == len(candidates)
    assert [c.phi for c in candidates] == sorted(c.phi for c in candidates)
    assert min(c.predicted.ms for c in candidates) < 5.0
    assert max(c.predicted.ms for c in candidates) > 40.0
    on_law = [c for c in candidates if c.resolution_offset_px == 0]
    assert len(on_law) > 30
    for c in on_law:
        assert c.factors == PUBLISHED.factors(c.phi)
        assert abs(c.genotype.input[1] - 224 * 1.15**c.phi) <= 2
        assert digest(c.genotype) == c.digest


def test_beside_the_law_only_the_input_side_differs(predictor):
    candidates = family_candidates(BASE, PUBLISHED, predictor, 18.0, 20.0)
    on_law = {c.phi: c for c in candidates if c.resolution_offset_px == 0}
    beside = [c for c in candidates if c.resolution_offset_px]
    assert {c.resolution_offset_px for c in beside} <= {4 * steps for steps in RESOLUTION_STEPS}
    for c in beside:
        law = on_law[c.phi].genotype
        assert c.genotype.input[1] == law.input[1] + c.resolution_offset_px
        assert (c.genotype.stem, c.genotype.stages, c.genotype.head) == (law.stem, law.stages, law.head)


def test_a_law_that_does_not_grow_has_no_family(predictor):
    with pytest.raises(LimitError, match="a law along which networks grow"):
        family_candidates(BASE, Law(1, 1, 1), predictor, 5.0, 40.0)

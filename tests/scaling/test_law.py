"""Laws of compound scaling: shares, coefficients, strategies, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nasbench as nb
from nasbench.errors import GenotypeError
from nasbench.scaling import PUBLISHED, Law, fast, from_spec, of_shares, scale
from nasbench.zoo import known

SHARE = st.tuples(*[st.floats(0, 1)] * 3).filter(lambda s: sum(s) > 0.01)


@given(SHARE, st.floats(1.1, 16))
def test_a_law_of_shares_multiplies_to_its_growth_and_gives_them_back(weights: tuple[float, ...], growth: float) -> None:
    law = of_shares(*weights, growth=growth)
    assert law.growth == pytest.approx(growth)
    assert law.shares == pytest.approx([w / sum(weights) for w in weights], abs=1e-9)
    f = law.factors(law.steps(5.0))
    assert f.depth * f.width**2 * f.resolution**2 == pytest.approx(5.0)


def test_efficientnets_law_is_the_papers() -> None:
    """Tan & Le 2019, section 4, step 1: 1.2, 1.1, 1.15 under alpha * beta^2 * gamma^2 of about 2."""
    assert (PUBLISHED.alpha, PUBLISHED.beta, PUBLISHED.gamma) == (1.2, 1.1, 1.15)
    assert PUBLISHED.growth == pytest.approx(1.92027)
    assert PUBLISHED.factors(2) == pytest.approx((1.44, 1.21, 1.3225))


@pytest.mark.parametrize(
    ("spec", "size", "expected"),  # pycls' rule: d = s^(D/n), w = s^(W/n/2), r = s^(R/n/2) with n = D + W + R
    [
        ("d1_w8_r1", 2, (2**0.1, 2**0.4, 2**0.05)),
        ("d1_w8_g8_r1", 2, (2**0.1, 2**0.4, 2**0.05)),
        ("d1_w8_r1", 4, (4**0.1, 4**0.4, 4**0.05)),
        ("dwr", 8, (2, 2**0.5, 2**0.5)),
        ("d", 3, (3, 1, 1)),
        ("w", 4, (1, 2, 1)),
        ("r1", 4, (1, 1, 2)),
        ("d1_w2", 8, (2, 2, 1)),
        ("d1.5_w1.5", 4, (2, 2**0.5, 1)),
    ],
)
def test_strategies_as_pycls_writes_them(spec: str, size: float, expected: tuple[float, ...]) -> None:
    law = from_spec(spec)
    assert law.factors(law.steps(size)) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.0, 1 / 3, 0.5, 0.8, 1.0])
def test_fast_scaling_holds_activations_down(alpha: float) -> None:
    """Activations are depth * width * resolution^2: they grow as size^(1 - alpha/2) (Dollar et al. 2021)."""
    law = fast(alpha)
    assert law.shares == pytest.approx(((1 - alpha) / 2, alpha, (1 - alpha) / 2))
    f = law.factors(law.steps(16.0))
    assert f.depth * f.width * f.resolution**2 == pytest.approx(16 ** (1 - alpha / 2))
    assert fast() == from_spec("d1_w8_r1")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "names weights of d"),
        ("d1_w8_x1", "names weights of d"),
        ("d1_d2", "names weights of d"),
        ("d1w8", "names weights of d"),
        ("dd", "names weights of d"),
        ("d-1_w2", "names weights of d"),
        ("g1", "in which nothing grows"),
        ("d0_w0_r0", "in which nothing grows"),
        ("d1_w8_g4_r1", "keeps its number of groups"),
        ("d1e400", "names weights of d"),
    ],
)
def test_a_strategy_that_cannot_be_is_refused(spec: str, said: str) -> None:
    with pytest.raises(GenotypeError, match=said):
        from_spec(spec)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Law(0, 1, 1),
        lambda: Law(1.2, float("nan"), 1),
        lambda: Law(1.2, "1.1", 1),
        lambda: Law(True, 1, 1),
        lambda: of_shares(0, 0, 0),
        lambda: of_shares(-1, 1, 1),
        lambda: of_shares(1, 1, 1, growth=1),
        lambda: fast(1.1),
        lambda: fast(True),
        lambda: PUBLISHED.factors(math.inf),
        lambda: PUBLISHED.factors(21),
        lambda: Law(1, 1, 1).shares,
        lambda: scale(known("resnet18"), phi=1, depth=2),
        lambda: scale(known("resnet18"), phi="1"),
        lambda: scale(known("resnet18"), width=2, rounding="down"),
        lambda: scale(known("resnet18"), width=2, divisor=0),
        lambda: scale(known("resnet18"), resolution=0),
    ],
)
def test_impossible_values_are_one_line(make) -> None:
    with pytest.raises(GenotypeError) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 30


def test_the_public_name_takes_phi_or_factors() -> None:
    g = nb.known("efficientnet_b0")
    assert nb.scale(g, phi=1, alpha=1.2, beta=1.1, gamma=1.15) == nb.scale(g, phi=1)
    assert nb.scale(g, phi=1).input == (3, 256, 256)  # 257.6, to a multiple of 4 as all published sides are
    assert nb.scale(g, phi=1) == nb.scale(g, depth=1.2, width=1.1, resolution=256)
    assert nb.cost(nb.scale(g, phi=-1)).macs < nb.cost(g).macs

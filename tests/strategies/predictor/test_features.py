"""The vectors of networks agree as the networks do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from nasbench.strategies.base import options_of
from nasbench.strategies.predictor.features import Features, normalised

OPTIONS = {"kind": ("conv", "mbconv", None), "se": (True, False), "width": range(16, 65, 16), "kernel": (3, 5, 7)}
VALUES = st.fixed_dictionaries({}, optional={name: st.sampled_from(options) for name, options in OPTIONS.items()})


def features() -> Features:
    made = Features()
    made.add(OPTIONS)
    return made


@given(VALUES, VALUES)
def test_the_product_is_the_agreement(a, b):
    made = features()
    expected = 0.0
    for name in a.keys() & b.keys():
        if name in ("kind", "se"):
            expected += a[name] == b[name]
        else:
            options = list(OPTIONS[name])
            expected += np.exp(-2 * abs(options.index(a[name]) - options.index(b[name])) / (len(options) - 1))
    assert made.raw(a) @ made.raw(b) == pytest.approx(expected)
    rows = normalised(np.array([made.raw(a), made.raw(b)]))
    assert rows[0] @ rows[1] == pytest.approx(expected / np.sqrt(max(len(a), 1) * max(len(b), 1)))


def test_a_value_is_replaced():
    made = features()
    one, other = {"kind": "conv", "se": True, "kernel": 3}, {"kind": "conv", "se": False, "kernel": 7}
    assert (made.raw({"se": False, "kernel": 7}, made.raw(one)) == made.raw(other)).all()


def test_true_is_not_one():
    made = Features()
    made.add({"x": (True, 1, 2)})
    assert made.raw({"x": True}) @ made.raw({"x": 1}) == 0


def test_a_parameter_may_join_later():
    made = features()
    before = made.raw({"se": True})
    made.add({"late": ("a", "b")})
    after = made.raw({"late": "a"}, before)
    assert after @ made.raw({"se": True, "late": "a"}) == pytest.approx(2)


def test_unknown_values_say_nothing():
    assert not features().raw({"kind": "new", "other": 1}).any()


def test_a_continuous_parameter_is_refused():
    assert options_of(IntDistribution(8, 64, step=8)) == range(8, 65, 8)
    assert options_of(CategoricalDistribution((3, None))) == (3, None)
    with pytest.raises(NotImplementedError, match="lists and ranges"):
        options_of(FloatDistribution(0, 1))

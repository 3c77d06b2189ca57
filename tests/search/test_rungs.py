"""The rungs of successive halving: which are refused, and what they save."""

from __future__ import annotations

import pytest

from nasbench.errors import StudyError
from nasbench.search.rungs import Rungs

RUNGS = Rungs((1, 3, 9), 3)


@pytest.mark.parametrize(
    ("epochs", "eta", "match"),
    [
        ((9,), 3, "two or more numbers of epochs.*got 9"),
        ((3, 1), 3, "each above the one before; got 3, 1"),
        ((0, 1), 3, "got 0, 1"),
        ((1, 3, 3), 3, "got 1, 3, 3"),
        ((1, 3), 1, "eta is a whole number from 2 to 100.*got 1"),
        ((1, 3), True, "got True"),
    ],
)
def test_refused(epochs, eta, match):
    with pytest.raises(StudyError, match=match):
        Rungs(epochs, eta)


def test_geometric():
    assert Rungs.geometric(27).epochs == (1, 3, 9, 27)
    assert Rungs.geometric(20, 4).epochs == (1, 5, 20)
    with pytest.raises(
        StudyError, match=r"--eta 3 needs a training of 3 or more epochs.*the recipe has 1; give --epochs, such as --epochs 9"
    ):
        Rungs.geometric(1)
    with pytest.raises(StudyError, match="whole number from 2"):
        Rungs.geometric(9, 0)


def test_the_cost_of_a_trial():
    # 27 trials of 1 epoch, 9 of 2 more, 3 of 6 more: 63 of 27 * 9
    assert RUNGS.share == pytest.approx(63 / 243)
    assert RUNGS.calls == pytest.approx(39 / 27)
    assert Rungs().share == Rungs().calls == 1


def test_the_number_of_checkpoints():
    assert RUNGS.places(9) == 3
    assert RUNGS.checkpoints(9) == 3 + 1
    assert RUNGS.checkpoints(28) == 10 + 4

"""What a phase with successive halving cost."""

from __future__ import annotations

from nasbench.analysis.halving_cost import Spent, spent
from nasbench.study.trial import Trial


def test_what_a_phase_spent():
    def trial(number, status, epochs, seconds=1.0):
        return Trial("search", number, status, epochs=epochs, seconds=seconds)

    trials = [trial(0, "ok", 9), trial(1, "stopped", 3), trial(2, "paused", 1), trial(3, "stopped", 1), trial(4, "over_budget", None)]
    cost = spent([*trials, trial(5, "duplicate", 9)], [1, 3, 9])
    assert cost == Spent({1: 4, 3: 2, 9: 1}, 14, 36, 4.0)
    assert str(cost) == "4 networks for 1 epoch, 2 for 3, 1 for 9: 14 of 36 epochs (39%)"
    assert spent([], [1, 3]).of == 0

"""A study of which every picture can be drawn."""

from __future__ import annotations

import pytest
from made_study import add_profile, add_summary, make_study, result, row

import nasbench as nb

SEARCH = [result(0.70, 10, seconds=60), result(None, 30, seconds=0), result(0.80, 12, seconds=30), result(0.75, 14, seconds=30)]
RANDOM = [result(0.60, 11, seconds=60), result(0.9, 9, status="infeasible", seconds=40), result(0.65, 9, seconds=20), None]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = make_study(tmp_path_factory.mktemp("plots") / "one", SEARCH, RANDOM)
    add_profile(path)
    add_summary(path, [row("search 2", 12.4, 0.79, 0.82, winner=True), row("random 0", 11, 0.6), row("known mobilenet_v2", 22, 0.7, 0.74)])
    return nb.open_study(path)

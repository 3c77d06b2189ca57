"""A search by a score: what its user sees, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
from messages import one_line

WORDS = ("search", "--space", "tiny", "--macs", "2M", "--trials", "4", "--evaluator", "zero-cost", "--proxy", "params", "--known", "none")


@pytest.mark.slow
def test_scores_are_numbers_everywhere(nasbench) -> None:
    done = nasbench(*WORDS, "--name", "scored", "--workers", "2")
    assert done.returncode == 0, done.stderr
    result = done.stdout[done.stdout.index("winner") :]
    assert re.search(r"log params +\d\.\d+ a score without training, mean of 2 fresh seeds", result)
    assert re.search(r"final round +log params +test", result)
    worth = next(line for line in result.splitlines() if "random search with as many evaluations" in line)
    assert re.search(r"was it worth it\? .*[+-][\d.e-]+ in log params", worth)
    assert "points" not in worth
    for words in (("status",), ("front",)):
        printed = nasbench(*words, "runs/scored").stdout
        assert "log params" in printed
        assert not re.search(r"\d\.\d%", printed), printed  # an accuracy; a probability has no decimals
    rows = json.loads(nasbench("front", "runs/scored", "--json").stdout)
    assert all(row["accuracy"] > 5 for row in rows)
    assert nasbench("plot", "runs/scored", "--out", "front.png").returncode == 0
    one_line(nasbench("plot", "runs/scored", "--what", "time"), "shows accuracies; runs/scored holds the score log params")
    again = nasbench(*WORDS, "--name", "scored", "--workers", "2")
    assert again.returncode == 0, "a finished study is printed again"


def test_mistakes_are_one_line(call) -> None:
    one_line(call(*WORDS[:9]), "the evaluator zero-cost needs the option proxy; give --proxy VALUE")
    one_line(call(*WORDS[:10], "naswott"), "did you mean naswot")
    soft = ("search", "--space", "tiny", "--latency", "1s", "--reward", "soft", "--evaluator", "zero-cost", "--proxy", "macs")
    one_line(call(*soft), "the soft reward weighs an accuracy against the latency; the evaluator zero-cost gives scores")
    one_line(call("search", "--space", "tiny", "--macs", "2M", "--proxy", "macs"), "the evaluator train has no option 'proxy'")

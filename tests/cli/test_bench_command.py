"""`bench`: strategies compared on a table, as text, as JSON and as files."""

from __future__ import annotations

import json

import pytest
from messages import one_line

from nasbench.genotype import cost, digest
from nasbench.spaces import load_space
from nasbench.spaces.choosers import every

PLUGIN = '''
import nasbench as nb
from optuna.samplers import RandomSampler


@nb.strategy
def mine(seed):
    """Random search under another name."""
    return RandomSampler(seed=seed)
'''


@pytest.fixture
def table(nasbench):
    networks = {digest(g): {"acc": [50 + cost(g).macs / 1e6, 50.1 + cost(g).macs / 1e6]} for g in every(load_space("tiny").decode)}
    (nasbench.folder / "tiny.json").write_text(json.dumps({"space": "tiny", "key": "digest", "networks": networks}))
    (nasbench.folder / "mine.py").write_text(PLUGIN)
    return nasbench.folder


def test_strategies_of_a_plugin_join(call, table) -> None:
    words = ("bench", "--table", "tiny.json", "--space", "tiny", "--seeds", "3", "--evaluations", "10,20", "--jobs", "2")
    words += ("--strategies", "predictor,mine,random", "--out", "out", "--macs", "2M", "--plugin", "mine.py")
    result = call(*words, "--json")
    data = json.loads(result.stdout)
    means = {(row["evaluations"], row["strategy"]): row["mean"] for row in data["summary"]["regret"]}
    assert means[20, "mine"] == means[20, "random"]
    assert means[20, "predictor"] < means[20, "random"]
    assert data["limits"] == {"macs": 2_000_000, "params": None}
    assert {path.name for path in (table / "out").iterdir()} == {"bench.json", "bench.csv", "bench.png"}
    printed = call(*words).stdout
    assert "points below the best, after a final round (3 seeds)" in printed
    assert "p against predictor" in printed


def test_the_front(call, table) -> None:
    words = (
        "bench",
        "--table",
        "tiny.json",
        "--space",
        "tiny",
        "--seeds",
        "2",
        "--evaluations",
        "30",
        "--strategies",
        "random",
    )
    data = json.loads(call(*words, "--pareto", "--json").stdout)
    (row,) = data["summary"]["hypervolume"]
    assert 0.5 < row["mean"] < 1
    assert len(data["reference"]) == 2


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--table", "none.json"), "none.json: No such file"),
        (("--table", "tiny.json", "--space", "macro"), "has none of macro; name its space with --space"),
        (("--table", "tiny.json", "--space", "tiny", "--strategies", "predicter"), "did you mean predictor"),
        (("--table", "tiny.json", "--space", "tiny", "--evaluations", "ten"), "such as 50,100; got 'ten'"),
        (("--table", "tiny.json", "--space", "tiny", "--macs", "1"), "no network of tiny is within 1 MACs; allow more"),
        (("--table", "tiny.json", "--space", "tiny", "--metric", "accc"), "did you mean acc"),
    ],
)
def test_mistakes_are_one_line(call, table, words: tuple[str, ...], part: str) -> None:
    one_line(call("bench", *words), part)

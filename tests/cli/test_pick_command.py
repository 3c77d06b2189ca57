"""`nasbench pick`, as its user types it, on a study that is kept in the project."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from messages import one_line

import nasbench as nb

KEPT = Path(nb.__file__).parent.parent / "studies" / "data" / "mbconv-20ms"


@pytest.fixture
def kept(nasbench):
    shutil.copytree(KEPT, nasbench.folder / "kept")
    return nasbench


def test_another_network_for_another_limit(kept, call):
    shown = call("pick", "kept", "--macs", "100M", "--train-time", "none")
    assert shown.returncode == 0, shown.stderr
    about = json.loads(call("pick", "kept", "--macs", "100M", "--train-time", "none", "--json").stdout)
    picked = about["picked"]
    assert picked["macs"] <= 100e6
    assert picked["network"] in shown.stdout
    assert about["path"] in shown.stdout
    assert about["trained"] is None
    genotype = nb.Genotype.from_yaml(kept.folder / about["path"] / "best" / "genotype.yaml")
    assert nb.digest(genotype) == picked["digest"]
    assert nb.cost(genotype).macs == picked["macs"]


def test_a_latency_of_a_device_that_is_elsewhere_is_predicted(kept, call):
    about = json.loads(call("pick", "kept", "--latency", "15ms", "--json").stdout)
    assert about["picked"]["latency_ms"] is None
    shown = call("pick", "kept", "--latency", "15ms")
    assert "limit 15 ms: kept as predicted" in shown.stdout


def test_a_score_is_no_accuracy(nasbench, call):
    words = (
        "search",
        "--space",
        "tiny",
        "--macs",
        "100M",
        "--evaluator",
        "zero-cost",
        "--proxy",
        "macs",
        "--trials",
        "2",
        "--known",
        "none",
    )
    assert call(*words, "--name", "scored").returncode == 0
    shown = call("pick", "runs/scored", "--macs", "100M")
    assert shown.returncode == 0, shown.stderr
    assert "a score without training" in shown.stdout
    assert "validation images" not in shown.stdout
    assert "%" not in shown.stdout


def test_where_none_keeps_it(kept, call):
    shown = call("pick", "kept", "--macs", "1M", "--params", "1K")
    assert shown.returncode == 3
    assert "the nearest is " in shown.stdout
    assert "no network of kept keeps 1M MACs, 1k parameters" in shown.stdout
    about = json.loads(call("pick", "kept", "--macs", "1M", "--json").stdout)
    assert about["picked"] is None
    assert about["nearest"].split()[0] in ("search", "random")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("kept",), ("picked by a limit", "--latency 8ms")),
        (("kept", "--latency", "fast"), ("fast",)),
        (("nowhere", "--macs", "1M"), ("nowhere",)),
        (("kept", "--macs", "100M", "--train-time", "soon"), ("soon",)),
        (("kept", "--macs", "100M", "--train-time", "none", "--out", "pictures"), ("pictures", "--out")),
    ],
)
def test_bad_input_is_one_line(kept, call, words, parts):
    one_line(call("pick", *words), *parts)

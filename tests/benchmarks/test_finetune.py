"""The benchmark of given weights: its network, its images, and what it computes from trainings."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

import nasbench as nb

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def finetune():
    return runpy.run_path(str(BENCHMARKS / "finetune.py"))


def test_the_network_is_efficientnet_lite0(finetune):
    """Parameters and logits are those of timm's, and its tensors are in the order of the run."""
    torch.manual_seed(0)
    theirs = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-3  # TensorFlow's, with which the weights were trained
    g = nb.Genotype.from_yaml(finetune["LITE0"])
    net = nb.build(g).eval()
    nb.load_weights(net, theirs.state_dict(), like="order")
    assert nb.cost(g).params == sum(parameter.numel() for parameter in theirs.parameters())
    with torch.no_grad():
        wanted, logits = (network(torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))) for network in (theirs, net))
    assert wanted.std() > 0.01 * wanted.abs().max() > 0
    assert (logits - wanted).abs().max() < 1e-5 * wanted.abs().max()


def test_no_pixel_is_in_a_training_and_a_test_image(finetune):
    side = 3 * finetune["SIDE"]
    positions = np.arange(side * side, dtype=np.uint32).reshape(side, side)
    pixels = np.stack([positions >> 16, positions >> 8 & 255, positions & 255], -1).astype(np.uint8)
    seen = {}
    for for_training, count in ((True, 5), (False, 4)):
        found = finetune["crops"](Image.fromarray(pixels), for_training, count, np.random.default_rng(0))
        colours = np.concatenate([np.asarray(crop).reshape(-1, 3) for crop in found]).astype(np.uint32)
        seen[for_training] = set((colours[:, 0] << 16 | colours[:, 1] << 8 | colours[:, 2]).tolist())
    assert len(seen[True]) == 5 * finetune["SIDE"] ** 2
    assert seen[True] | seen[False] == set(positions.flatten().tolist())
    assert not seen[True] & seen[False]


def test_trainings_are_compared_in_pairs(finetune):
    arms = [finetune[name] for name in ("FINETUNED", "SCRATCH", "QUICK")]
    rows = [
        {"arm": arm, "seed": seed, "test": level + shift}
        for seed, shift in ((0, 0.0), (1, 0.1))
        for arm, level in zip(arms, (0.8, 0.5, 0.4), strict=True)
    ]
    found = finetune["report"](rows)
    assert found["accuracy"][arms[0]]["mean"] == pytest.approx(0.85)
    assert found["accuracy"][arms[0]]["high"] - 0.85 == pytest.approx(12.706 * 0.1 / 2, abs=1e-3)
    assert set(found["difference"]) == {f"{arms[0]} - {other}" for other in arms[1:]}
    assert found["difference"][f"{arms[0]} - {arms[2]}"] == pytest.approx({"mean": 0.4, "low": 0.4, "high": 0.4})


def test_the_table_of_the_page_on_training_is_the_stored_result(finetune):
    page = (BENCHMARKS.parent / "docs" / "training.md").read_text()
    table = page[page.index("### What given weights bring") :]
    found = json.loads((BENCHMARKS / "results" / "finetune.json").read_text())
    assert finetune["report"](found["rows"]) == {part: found[part] for part in ("accuracy", "difference")}
    for unit, part in (("%", "accuracy"), ("points", "difference")):
        printed = re.findall(rf"([\d.]+) {unit} \[([\d.]+), ([\d.]+)\]", table)
        wanted = [tuple(f"{100 * value[end]:.1f}" for end in ("mean", "low", "high")) for value in found[part].values()]
        assert printed == wanted

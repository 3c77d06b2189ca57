"""What is delivered turns a file into the input that the network was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photos
from PIL import Image

from nasbench.errors import DataError
from nasbench.training.batches import resized
from nasbench.training.data import load_images
from nasbench.training.preprocess import KEY, Preprocess, load_preprocess, save_preprocess

RECORD: dict[str, Any] = {"input": [3, 24, 24], "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.1], "classes": ["cat", "猫\n"]}


def test_it_survives_every_file(tmp_path: Path) -> None:
    preprocess = Preprocess.from_record({**RECORD, "decoded_size": 64, "levels": {"integer": [0, 4095]}})
    assert preprocess is not None
    save_preprocess(preprocess, tmp_path / "preprocess.json")
    assert load_preprocess(tmp_path / "preprocess.json") == preprocess
    metadata = preprocess.to_metadata()
    assert Preprocess.from_metadata(metadata) == preprocess
    assert json.loads(metadata["classes"]) == RECORD["classes"]
    assert (metadata["trained_input"], metadata["mean"]) == ("3x24x24", "[0.4, 0.5, 0.6]")
    assert Preprocess.from_metadata(None) is Preprocess.from_metadata({"format": "pt"}) is None


@pytest.mark.parametrize("missing", RECORD)
def test_a_record_without_a_part_gives_none(missing: str) -> None:
    assert Preprocess.from_record({**RECORD, missing: None}) is None
    assert Preprocess.from_record({k: v for k, v in RECORD.items() if k != missing}) is None


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"format": "other"}, "is not nasbench preprocess 1; name a preprocess.json"),
        ({"version": 9}, "is not nasbench preprocess 1"),
        ({"input": [3, 24]}, "lacks a part"),
        ({"input": [3, 0, 24]}, "needs a finite mean and a positive std"),
        ({"std": [0.0, 1, 1]}, "positive std"),
        ({"mean": [0.1, 0.2]}, "for each channel"),
        ({"levels": [1]}, "lacks a part"),
        ({"classes": 3}, "lacks a part"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any], rule: str) -> None:
    good = Preprocess.from_record(RECORD)
    assert good is not None
    (tmp_path / "preprocess.json").write_text(json.dumps({**good.to_json(), **change}))
    with pytest.raises(DataError, match=rule) as caught:
        load_preprocess(tmp_path / "preprocess.json")
    assert "\n" not in str(caught.value)


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*No such file"):
        load_preprocess(tmp_path / "none.json")
    (tmp_path / "preprocess.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="is not JSON"):
        load_preprocess(tmp_path / "preprocess.json")
    with pytest.raises(DataError, match="damaged"):
        Preprocess.from_metadata({KEY: "{"})


@pytest.mark.parametrize("channels", [3, 1])
def test_a_file_becomes_the_input_of_the_training_to_the_bit(tmp_path: Path, channels: int) -> None:
    photos(tmp_path / "data", cat=6, dog=6)
    images = load_images(str(tmp_path / "data"), size=64)
    batches = resized(images.train, (channels, 24, 20))
    statistics = batches.statistics()
    expected, _ = batches.plain(torch.arange(len(batches)), statistics)
    record = {"input": [channels, 24, 20], "mean": statistics.mean, "std": statistics.std, "classes": images.classes, "decoded_size": 64}
    preprocess = Preprocess.from_record(record)
    assert preprocess is not None
    files = sorted((tmp_path / "data").rglob("*.png"), key=lambda p: (p.parent.name, p.name))
    assert images.train.rows is not None
    inputs = preprocess.read([files[i] for i in images.train.rows.tolist()])
    assert torch.equal(inputs, expected)


def test_a_network_that_was_trained_on_grey_images_reads_grey_ones(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 30, 3), (200, 100, 0), np.uint8)).save(tmp_path / "a.png")
    preprocess = Preprocess(input=(3, 8, 8), mean=(0.5,), std=(0.25,), classes=("a", "b"))
    inputs = preprocess.read([tmp_path / "a.png"])
    assert inputs.shape == (1, 3, 8, 8)
    assert inputs.unique().item() == pytest.approx((round(0.299 * 200 + 0.587 * 100) / 255 - 0.5) / 0.25)


def test_deep_images_need_levels(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 30), 2048, np.uint16)).save(tmp_path / "a.png")
    good = Preprocess(input=(1, 8, 8), mean=(0.0,), std=(1.0,), classes=("a", "b"), levels={"integer": (0.0, 4095.0)})
    assert good.read([tmp_path / "a.png"]).unique().item() == pytest.approx(128 / 255)
    with pytest.raises(DataError, match=r"a\.png has more than 8 bits"):
        Preprocess(input=(1, 8, 8), mean=(0.0,), std=(1.0,), classes=("a", "b")).read([tmp_path / "a.png"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(change=st.dictionaries(st.sampled_from(["format", "version", *RECORD, "decoded_size", "levels"]), JSON, max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_content_is_read_or_refused(change: dict[str, Any]) -> None:
    good = Preprocess.from_record(RECORD)
    assert good is not None
    message = ""
    try:
        read = Preprocess.from_metadata({KEY: json.dumps({**good.to_json(), **change})})
    except DataError as error:
        message = str(error)
    else:
        assert read is not None
        assert Preprocess.from_json(read.to_json()) == read
    assert len(message.splitlines()) <= 1


def test_a_deeply_nested_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "preprocess.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="is not JSON"):
        load_preprocess(tmp_path / "preprocess.json")

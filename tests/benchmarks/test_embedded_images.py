"""The program that makes the embedded sample of images again."""

from __future__ import annotations

import hashlib
import runpy
import zlib
from pathlib import Path

import numpy as np
import pytest

from nasbench.training.downloads import DEBIAN
from nasbench.training.embedded import SHA256, load_embedded
from nasbench.training.idx import has_splits, read_split

main = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "embedded_images.py"))["main"]


@pytest.mark.skipif(not has_splits(DEBIAN), reason=f"the full set (Debian's dataset-fashion-mnist) is not in {DEBIAN}")
def test_the_sample_is_made_again_from_the_full_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "again.npz"
    assert main(["--source", str(DEBIAN), "--out", str(out)]) == 0
    stored = load_embedded()
    with np.load(out, allow_pickle=False) as arrays:
        assert np.array_equal(arrays["train_images"], stored.train.pixels[:, 0].numpy())
        assert np.array_equal(arrays["test_labels"], stored.test.labels.numpy())
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng packs the same arrays into other bytes
        assert hashlib.sha256(out.read_bytes()).hexdigest() == SHA256
        assert "as expected" in capsys.readouterr().out
    source = {image.tobytes() for image in read_split(DEBIAN, "train")[0]}
    assert all(image.tobytes() in source for image in stored.train.pixels[::500, 0].numpy())


def test_a_missing_source_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--source", str(tmp_path), "--out", str(tmp_path / "x.npz")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: an IDX file is missing")
    assert error.count("\n") == 1
    assert not (tmp_path / "x.npz").exists()

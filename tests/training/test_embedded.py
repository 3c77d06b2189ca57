from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

import numpy as np
import pytest

from nasbench.errors import DataError
from nasbench.training import embedded
from nasbench.training.downloads import DEBIAN
from nasbench.training.idx import has_splits, read_split


def test_the_sample_is_balanced_small_and_licensed() -> None:
    images = embedded.load_embedded()
    assert images.train.pixels.shape == (10_000, 1, 28, 28)
    assert images.test.pixels.shape == (2_000, 1, 28, 28)
    assert images.train.labels.bincount().tolist() == [1_000] * 10
    assert images.test.labels.bincount().tolist() == [200] * 10
    assert len(images.classes) == 10
    assert embedded.FILE.stat().st_size < 6_000_000
    assert "Zalando" in (embedded.FILE.parent / "LICENSE-fashion-mnist").read_text()


def test_no_image_is_in_both_train_and_test() -> None:
    images = embedded.load_embedded()
    train, test = ({image.tobytes() for image in part.pixels.numpy()} for part in (images.train, images.test))
    assert len(train) > 9_990  # Fashion-MNIST itself has a few twins
    assert not train & test


@pytest.mark.skipif(not has_splits(DEBIAN), reason=f"the full set (Debian's dataset-fashion-mnist) is not in {DEBIAN}")
def test_the_sample_is_made_again_from_the_full_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "again.npz"
    assert embedded.main(["--source", str(DEBIAN), "--out", str(out)]) == 0
    stored = embedded.load_embedded()
    with np.load(out, allow_pickle=False) as arrays:
        assert np.array_equal(arrays["train_images"], stored.train.pixels[:, 0].numpy())
        assert np.array_equal(arrays["test_labels"], stored.test.labels.numpy())
    if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # zlib-ng packs the same arrays into other bytes
        assert hashlib.sha256(out.read_bytes()).hexdigest() == embedded.SHA256
        assert "as expected" in capsys.readouterr().out
    source = {image.tobytes() for image in read_split(DEBIAN, "train")[0]}
    assert all(image.tobytes() in source for image in stored.train.pixels[::500, 0].numpy())


def test_a_flipped_bit_in_the_sample_is_noticed(tmp_path: Path) -> None:
    content = bytearray(embedded.FILE.read_bytes())
    content[100_000] ^= 1
    (tmp_path / "sample.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"damaged: .*sample\.npz .*reinstall"):
        embedded.load_embedded(tmp_path / "sample.npz")


def test_a_missing_sample_and_a_missing_source_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        embedded.load_embedded(tmp_path / "none.npz")
    assert embedded.main(["--source", str(tmp_path), "--out", str(tmp_path / "x.npz")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: an IDX file is missing")
    assert error.count("\n") == 1
    assert not (tmp_path / "x.npz").exists()

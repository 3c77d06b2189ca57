from __future__ import annotations

from pathlib import Path

import pytest

from nasbench.errors import DataError
from nasbench.training import embedded


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


def test_a_flipped_bit_in_the_sample_is_noticed(tmp_path: Path) -> None:
    content = bytearray(embedded.FILE.read_bytes())
    content[100_000] ^= 1
    (tmp_path / "sample.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"damaged: .*sample\.npz .*reinstall"):
        embedded.load_embedded(tmp_path / "sample.npz")


def test_a_missing_sample_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        embedded.load_embedded(tmp_path / "none.npz")

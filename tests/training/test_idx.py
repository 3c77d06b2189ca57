from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from nasbench.errors import DataError
from nasbench.training.idx import has_splits, read_idx, read_split

HEADER = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3])


def test_bytes_become_an_array_of_the_stated_shape(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(HEADER + bytes(range(12))))
    assert np.array_equal(read_idx(tmp_path / "x.gz"), np.arange(12, dtype=np.uint8).reshape(2, 2, 3))


# Without a time of its own, a file would hold that of the collection, and processes would collect tests of different names.
@pytest.mark.parametrize(
    "content",
    [
        b"no gzip at all",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"\x00\x00\x08", mtime=0),
        gzip.compress(HEADER[:6], mtime=0),
        gzip.compress(HEADER + bytes(11), mtime=0),  # one byte short
        gzip.compress(HEADER + bytes(13), mtime=0),  # one too many
        gzip.compress(b"\x00\x00\x0d" + HEADER[3:] + bytes(12), mtime=0),  # floats
        gzip.compress(HEADER + bytes(12), mtime=0)[:-9],  # cut off
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.gz"):
        read_idx(tmp_path / "broken.gz")


def test_images_and_labels_must_be_equally_many(tmp_path: Path) -> None:
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(HEADER + bytes(12)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x03abc"))
    assert has_splits(tmp_path)
    with pytest.raises(DataError, match="one to one"):
        read_split(tmp_path, "train")

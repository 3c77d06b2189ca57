"""Damaged files and odd folders: an image, or one line that says what is wrong. No traceback, no hang, nothing written."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nasbench.errors import DataError
from nasbench.training.folders.decode import decode, own_limits
from nasbench.training.folders.listing import list_folder
from nasbench.training.folders.names import role_of, shown, text

HANG_S = 60  # after which an input is taken to hang
SEED = 13


def real_files() -> list[tuple[str, bytes]]:
    """A small image of each kind that Pillow writes here, with EXIF data where the kind has them."""
    draw = np.random.default_rng(SEED)
    colours = Image.fromarray(draw.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("PNG", colours, {"exif": exif}), ("JPEG", colours, {"exif": exif}), ("GIF", colours, {}), ("WEBP", colours, {"exif": exif}),
        ("BMP", colours, {}), ("TIFF", colours, {"compression": "tiff_lzw"}), ("TIFF", colours, {}), ("PPM", colours, {}),
        ("TGA", colours, {}), ("JPEG2000", colours, {}), ("AVIF", colours, {}), ("ICO", colours, {}), ("PCX", colours, {}),
        ("SGI", colours, {}), ("QOI", colours, {}), ("DDS", colours, {}), ("MPO", colours, {}), ("PNG", colours.convert("P"), {}),
        ("PNG", colours.convert("RGBA"), {}), ("PNG", Image.fromarray(draw.integers(0, 4096, (24, 32)).astype(np.uint16)), {}),
        ("TIFF", Image.fromarray(draw.random((24, 32), dtype=np.float32)), {}), ("TIFF", colours.convert("CMYK"), {}),
    ]  # fmt: skip
    files = []
    for kind, image, options in kinds:
        content = io.BytesIO()
        try:
            image.save(content, kind, **options)
        except (KeyError, OSError):  # a kind that this Pillow was built without
            continue
        files.append((kind, content.getvalue()))
    assert len(files) > 12
    return files


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """The content with a few bits flipped, a part cut, repeated or replaced, or a field set to an extreme value."""
    data = bytearray(content)
    for _ in range(draw.integers(1, 4)):
        at = int(draw.integers(0, max(1, len(data))))
        length = int(draw.integers(1, 9))
        match draw.integers(0, 6):
            case 0:
                data[at : at + 1] = bytes([data[at] ^ (1 << int(draw.integers(0, 8)))]) if at < len(data) else b""
            case 1:
                del data[at:]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at : at + length] = draw.bytes(length)
            case 4:
                data[at : at + 4] = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"][draw.integers(0, 4)]
            case _:
                head = int(draw.integers(0, min(64, max(1, len(data)))))  # most fields are near the beginning
                data[head : head + 2] = draw.bytes(2)
    return bytes(data)


@contextmanager
def no_hang() -> Iterator[None]:
    def give_up(*_: object) -> None:
        pytest.fail(f"an input took more than {HANG_S} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_damaged(folder: Path, count: int) -> tuple[int, int]:
    """Decode `count` damaged files; returns how many were images still, and how many were refused."""
    draw = np.random.default_rng(SEED)
    files = real_files()
    good = bad = 0
    place = folder / "image.png"
    with own_limits():
        for i in range(count):
            _, content = files[i % len(files)]
            place.write_bytes(damaged(content, draw))
            try:
                with no_hang():
                    image = decode(place, 16, {"integer": (0.0, 4095.0), "float": (0.0, 1.0)})
            except DataError as error:
                message = str(error)
                assert "\n" not in message
                assert message.startswith(("broken image ", "not enough memory"))
                assert " object at 0x" not in message
                bad += 1
            else:
                assert image.pixels is not None
                assert (image.pixels.shape, image.pixels.dtype) == ((3, 16, 16), np.uint8)
                good += 1
    assert [p.name for p in folder.iterdir()] == ["image.png"]
    return good, bad


def test_damaged_images_are_read_or_refused(tmp_path: Path) -> None:
    good, bad = read_damaged(tmp_path, 300)
    assert min(good, bad) > 30  # else the damage would test nothing


@pytest.mark.slow
def test_2000_damaged_images_are_read_or_refused(tmp_path: Path) -> None:
    good, bad = read_damaged(tmp_path, 2000)
    assert min(good, bad) > 200


@given(
    content=st.binary(max_size=400),
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"\xff\xd8\xff", b"P6 9 9 "]),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, start: bytes) -> None:
    place = tmp_path / "image.png"
    place.write_bytes(start + content)
    with own_limits(), no_hang():
        try:
            decode(place, 8)
        except DataError as error:
            message = str(error)
        else:
            message = ""
    assert "\n" not in message


NAMES = st.sampled_from(["train", "Train", "val", "test", "TEST", "a", "b", "c d", "x\ny", "猫", ".git", "__MACOSX", "seg_test"])
TREES = st.recursive(st.just(None), lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)


def build(place: Path, tree: Any) -> None:
    """A folder of a tree; a leaf is a folder of six images."""
    place.mkdir()
    if tree is None:
        for i in range(6):
            (place / f"{i}.png").touch()
    for name, inner in (tree or {}).items():
        build(place / name, inner)


@given(tree=TREES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_is_understood_or_refused(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    place = tmp_path_factory.mktemp("tree") / "data"
    build(place, tree)
    try:
        listing = list_folder(place)
    except DataError as error:
        refused = str(error)
    else:
        refused = ""
    assert "\n" not in refused
    if refused:
        return
    assert len(listing.classes) >= 2
    assert all(max(split.labels) == len(listing.classes) - 1 for split in listing.splits.values())
    assert len(set(listing.files)) == len(listing.files)
    hidden = (".git", "__MACOSX")
    assert not any(part in hidden for file in listing.files for part in file.relative_to(place).parts)


@given(name=st.text(max_size=30))
def test_any_name_can_be_shown(name: str) -> None:
    assert role_of(name) in (None, "train", "validation", "test")
    assert shown(name).isprintable() or not shown(name)


@given(name=st.binary(max_size=20))
def test_any_bytes_can_be_a_name(name: bytes) -> None:
    text(os.fsdecode(name)).encode()

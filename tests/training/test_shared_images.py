"""Images that a process was given: the same as those read from files, and no file is needed."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from nasbench.errors import DataError
from nasbench.training import shared_images
from nasbench.training.data import load_images
from nasbench.training.images import Images, split
from nasbench.training.shared_images import give_images, pack


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch):
    monkeypatch.setattr(shared_images, "_GIVEN", {})


def travelled(packed):
    """As an object store hands it out: read-only."""
    found = pickle.loads(pickle.dumps(packed))
    for source in found.sources:
        source.flags.writeable = False
    return found


def equal(one: Images, other: Images) -> bool:
    parts = [(one.train, other.train), (one.test, other.test)]
    same = all(torch.equal(a.pixels, b.pixels) and torch.equal(a.labels, b.labels) for a, b in parts)
    return same and (one.name, one.classes, one.licence) == (other.name, other.classes, other.licence)


def test_what_was_packed_is_given():
    images = load_images("embedded")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        give_images(travelled(pack(images, ("elsewhere/pictures", None, 64))))
    assert equal(load_images("elsewhere/pictures", size=64), images)


def test_parts_that_share_images_share_them_still():
    images = load_images("embedded")
    train, test = split(images.train, 0.2, seed=0)
    images = replace(images, train=train, test=test)
    packed = pack(images, ("shared", None, 64))
    assert len(packed.sources) == 1
    assert packed.bytes == images.train.source.nbytes
    give_images(travelled(packed))
    assert equal(load_images("shared", size=64), images)


@pytest.mark.parametrize("asked", [{"size": 32}, {"size": 64, "root": "other"}])
def test_other_images_are_not_those(asked):
    give_images(pack(load_images("embedded"), ("elsewhere/pictures", None, 64)))
    with pytest.raises(DataError, match="does not exist"):
        load_images("elsewhere/pictures", **asked)


def test_bytes_are_those_of_the_images():
    images = load_images("embedded")
    assert pack(images, ("embedded", None, 64)).bytes == 12_000 * 28 * 28
    assert isinstance(pack(images, ("embedded", None, 64)).sources[0], np.ndarray)

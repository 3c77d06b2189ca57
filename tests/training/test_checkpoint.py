"""A checkpoint is whole, of the same training, or ignored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from nets import STEADY, Killed, bits, fit, kill_after, quarters, small_net

from nasbench.training.checkpoint import MARK, load_checkpoint, save_checkpoint


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def only_mark(path: Path) -> None:
    path.write_bytes(MARK)


@pytest.mark.parametrize("damage", [flip_a_bit, cut, empty, only_mark])
def test_a_damaged_checkpoint_is_ignored_and_training_starts_again(tmp_path: Path, damage) -> None:
    whole, net = small_net(), small_net()
    fit(whole)
    with pytest.raises(Killed):
        fit(small_net(), checkpoint=tmp_path / "c.bin", on_epoch=kill_after(2))
    damage(tmp_path / "c.bin")
    with pytest.warns(RuntimeWarning, match=r"c\.bin is ignored"):
        fit(net, checkpoint=tmp_path / "c.bin")
    assert bits(net) == bits(whole)


@pytest.mark.parametrize("change", [{"seed": 1}, {"recipe": dataclasses.replace(STEADY, lr=0.05)}, {"images": quarters(400)}])
def test_a_checkpoint_of_another_training_is_ignored(tmp_path: Path, change: dict) -> None:
    with pytest.raises(Killed):
        fit(small_net(), checkpoint=tmp_path / "c.bin", on_epoch=kill_after(1))
    net, fresh = small_net(), small_net()
    with pytest.warns(RuntimeWarning, match="another recipe, seed, network or data"):
        fit(net, checkpoint=tmp_path / "c.bin", **change)
    fit(fresh, **change)
    assert bits(net) == bits(fresh)


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))

    save_checkpoint(tmp_path / "c.bin", {"identity": {}, "net": Evil()})
    with pytest.warns(RuntimeWarning, match="ignored"):
        assert load_checkpoint(tmp_path / "c.bin", {}) is None
    assert not (tmp_path / "run").exists()

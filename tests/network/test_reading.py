"""Files of weights as people have them, and files that are none: read without running code, or refused in a line."""

from __future__ import annotations

import argparse
import io
import os
import pickle
import random
import struct
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from nasbench.errors import WeightsError
from nasbench.network import read_weights

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
AVERAGED = {name: value + 1 for name, value in STATE.items()}
OPTIONS = argparse.Namespace(lr=0.1, model="resnet18", nested={"a": (1, 2)})
RULE = r"^weights are a state dict in a \.pth, \.pt or \.safetensors file; "


class Unknown:
    """An object of a class that is not there when the file is read."""

    def __init__(self) -> None:
        self.values = [1, 2]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in b)


@pytest.mark.parametrize(
    "key", ["state_dict", "model", "model_state_dict", "net", "weights", "ema", "state_dict_ema", "model_ema", "module"]
)
@pytest.mark.parametrize("old_format", [False, True])
def test_a_state_dict_is_found_under_its_usual_keys(tmp_path: Path, key: str, old_format: bool) -> None:
    path = tmp_path / "w.pth"
    torch.save({"epoch": 3, key: STATE, "optimizer": {"state": {}}}, path, _use_new_zipfile_serialization=not old_format)
    assert equal(read_weights(path), STATE)
    torch.save({"outer": 1, "model": {key: OrderedDict(STATE)}}, path, _use_new_zipfile_serialization=not old_format)
    assert equal(read_weights(path), STATE)


@pytest.mark.parametrize("old_format", [False, True])
def test_a_training_checkpoint_of_timm_is_read(tmp_path: Path, old_format: bool) -> None:
    """As timm's CheckpointSaver writes it: with the options of the training, an argparse.Namespace, beside the state dict."""
    path = tmp_path / "checkpoint-7.pth.tar"
    checkpoint = {"epoch": 7, "arch": "resnet18", "state_dict": STATE, "optimizer": {}, "version": 2, "args": OPTIONS, "metric": 71.2}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not old_format)
    assert equal(read_weights(path), STATE)
    torch.save({**checkpoint, "state_dict_ema": AVERAGED}, path, _use_new_zipfile_serialization=not old_format)
    assert equal(read_weights(path), AVERAGED), "averaged weights are better"


def test_objects_of_unknown_classes_are_left_out_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pth"
    torch.save({"state_dict": STATE, "config": Unknown(), "path": Path("x"), "log": [Unknown()]}, path)
    assert equal(read_weights(path), STATE)
    torch.save({"state_dict": STATE, "extra": Bomb()}, path)
    with pytest.raises(WeightsError, match=RULE):
        read_weights(path)
    assert not (tmp_path / "ran").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "ran").exists(), "the control: the file would have run"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (nn.Linear(2, 3), "holds an object of a class, such as a whole network, and nasbench runs no code of a file"),
        ({"model": nn.Linear(2, 3), "epoch": 3}, "holds an object of a class"),
        ({"epoch": 3, "lr": 0.1}, "holds no tensors under its keys 'epoch', 'lr'; save net.state_dict"),
        ({}, "holds nothing; save net.state_dict"),
        ([1, 2], "holds list; save net.state_dict"),
        (torch.ones(3), "holds Tensor; save net.state_dict"),
        (OPTIONS, "holds an object of a class"),
    ],
)
def test_files_without_a_state_dict_are_refused(tmp_path: Path, content: object, said: str) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=RULE) as caught:
        read_weights(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.pt", "w"])
@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"name: resnet18\n", "ä±".encode(), b"\x80\x02}", b"PK\x03\x04", b"\x93NUMPY", bytes(8), b"{}" * 9]
)
def test_other_files_are_refused_in_a_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=RULE) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700 + len(str(path))


@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000, "gone.pth", "\0", "."])
def test_paths_that_are_no_files_are_refused(path: str) -> None:
    with pytest.raises(WeightsError, match=RULE) as caught:
        read_weights(Path(path))
    assert len(str(caught.value)) < 1000


def files(folder: Path) -> list[bytes]:
    """Real files of each format."""
    contents = []
    for i, (content, new) in enumerate([(STATE, True), (STATE, False), ({"state_dict": STATE, "args": OPTIONS, "u": Unknown()}, True)]):
        torch.save(content, folder / f"{i}.pth", _use_new_zipfile_serialization=new)
        contents.append((folder / f"{i}.pth").read_bytes())
    save_file(STATE, folder / "3.safetensors", metadata={"a": "b"})
    return [*contents, (folder / "3.safetensors").read_bytes()]


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Bytes changed, cut, doubled, inserted, or numbers made huge."""
    damaged = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 5, 20])):
        at, kind = draw.randrange(len(damaged)), draw.randrange(6)
        if kind == 0:
            damaged[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del damaged[at : at + draw.choice([1, 4, 64])]
        elif kind == 2:
            damaged[at:at] = draw.randbytes(draw.choice([1, 4, 64]))
        elif kind == 3:
            damaged[at : at + 8] = struct.pack("<Q", draw.choice([2**63, 2**40, 2**32 - 1, 0]))
        elif kind == 4:
            damaged[at : at + 64] = damaged[at : at + 64] * 2
        else:
            del damaged[at:]
        if not damaged:
            return b""
    return bytes(damaged)


def repacked(data: bytes, draw: random.Random) -> bytes:
    """A zip file of torch with its pickle mutated, whose checksum is right again."""
    source = zipfile.ZipFile(io.BytesIO(data))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            content = source.read(name)
            out.writestr(name, mutated(content, draw) if name.endswith("data.pkl") else content)
    return target.getvalue()


def readable_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    before = sorted(p.name for p in path.parent.iterdir())
    try:
        state = read_weights(path)
    except WeightsError as error:
        assert "\n" not in str(error)  # noqa: PT017 - it need not be raised
    else:
        assert all(isinstance(name, str) for name in state)
    assert sorted(p.name for p in path.parent.iterdir()) == before


@pytest.mark.parametrize("count", [120, pytest.param(2000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_refused(tmp_path: Path, count: int) -> None:
    real, draw = files(tmp_path), random.Random(count)
    (tmp_path / "fuzz").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(count):
            data = real[i % len(real)]
            again = data.startswith(b"PK") and draw.random() < 0.6
            readable_or_refused(
                tmp_path / "fuzz" / ("w.safetensors" if i % len(real) == 3 else "w.pth"),
                repacked(data, draw) if again else mutated(data, draw),
            )


PICKLED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["model", "state_dict", "ema"]) | st.integers(), inner),
    max_leaves=12,
)


def check_any_content(folder: Path, content: Any) -> None:
    data = io.BytesIO()
    torch.save(content, data)
    for bytes_ in (data.getvalue(), pickle.dumps(content)):
        readable_or_refused(folder / "w.pth", bytes_)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=PICKLED)
def test_any_content_is_read_or_refused(tmp_path: Path, content: Any) -> None:
    check_any_content(tmp_path, content)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=PICKLED)
def test_much_content_is_read_or_refused(tmp_path: Path, content: Any) -> None:
    check_any_content(tmp_path, content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), name=st.sampled_from(["w.pth", "w.safetensors"]))
def test_any_bytes_are_refused(tmp_path: Path, content: bytes, name: str) -> None:
    readable_or_refused(tmp_path / name, content)

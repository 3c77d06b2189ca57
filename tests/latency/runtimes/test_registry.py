"""`@runtime`: what it registers, what it refuses, and that a plugin's runtime measures networks in other processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import nasbench as nb
from nasbench.errors import DeviceError, PluginError
from nasbench.genotype import Block, Genotype
from nasbench.latency import local_device, measure, profile_device
from nasbench.latency.device import Device, device_words
from nasbench.latency.measuring.measure import is_local
from nasbench.latency.runtimes import RUNTIMES, Loaded, runtime
from nasbench.plugins import forget_plugin

MINE = """
from nasbench.latency.runtimes import Loaded, runtime


@runtime(kinds=("cpu",), precisions=("fp32",), load_s=20.0)
def mine(g, device):
    from nasbench.latency.runtimes.torch_network import torch_network

    return Loaded(torch_network(g, device).runner())
"""


def network(width: int = 8) -> Genotype:
    rows = (Block("conv", {"width": width, "kernel": 3}),)
    return Genotype(f"w{width}", (3, 16, 16), rows, (), (Block("gap"), Block("linear", {"width": 10})))


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "my_runtime.py"

    def text(source: str) -> Path:
        path.write_text(source)
        return path

    return text


def test_a_plugins_runtime_is_one_like_any_other(write) -> None:
    plugin = nb.load_plugin(write(MINE))
    assert plugin.registered == ("mine",)
    row = RUNTIMES["mine"]
    assert (row.kinds, row.precisions, row.memory_formats) == (("cpu",), ("fp32",), ("contiguous", "channels_last"))
    assert (row.packages, row.layers, row.fuses, row.load_s) == ((), False, False, 20.0)
    with pytest.raises(DeviceError, match=r"the runtime mine runs on cpu in fp32, .*; got cpu, bf16, contiguous; use the runtime eager or"):
        local_device(runtime="mine", precision="bf16")
    forget_plugin(plugin)
    with pytest.raises(DeviceError, match=r"a runtime is one of eager, .*; got 'mine'.*--plugin FILE\.py"):
        local_device(runtime="mine")


def test_the_text_of_the_plugin_belongs_to_the_device(write) -> None:
    plugin = nb.load_plugin(write(MINE))
    before = local_device(1, runtime="mine")
    assert before.versions["mine (plugin)"] == plugin.sha256[:12]
    assert "mine (plugin)" not in local_device(1).versions
    nb.load_plugin(write(MINE + "# another text\n"))
    after = local_device(1, runtime="mine")
    assert after.key != before.key
    assert is_local(after)
    assert not is_local(before)


def test_networks_are_measured_with_it_in_other_processes(write) -> None:
    path = write(MINE.replace("return Loaded", "print('mine runs', g.name)\n    return Loaded"))
    nb.load_plugin(path)
    path.unlink()  # only the text travels
    device = local_device(1, runtime="mine")
    assert measure({"one": network()}, device, min_rounds=1, max_seconds=1)["one"].median_ms > 0


def test_it_can_be_profiled_by_whole_networks(write) -> None:
    nb.load_plugin(write(MINE))
    networks = {str(width): network(width) for width in (4, 8, 16, 32, 64)}
    profile = profile_device(local_device(1, runtime="mine"), networks, rounds=4, max_seconds=5)
    assert [n.name for n in profile.networks] == list(networks)
    assert not any(n.in_place for n in profile.networks)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("return 1 / 0", r"the runtime mine failed at .*my_runtime\.py:7: ZeroDivisionError: division by zero; correct it there"),
        ("return lambda: None", r"the function of a runtime returns a Loaded; mine returned <function .*; correct it there"),
        ("raise RuntimeError('no licence')", "one cannot be run on .*: no licence; leave it out"),
    ],
)
def test_a_function_that_fails_is_one_line_that_says_where(write, line: str, message: str) -> None:
    nb.load_plugin(write(MINE.split("    from nasbench.latency.runtimes.torch_network")[0] + f"    {line}\n"))
    with pytest.raises(DeviceError, match=message) as error:
        measure({"one": network()}, local_device(1, runtime="mine"), min_rounds=1, max_seconds=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kinds=("cpu",)', 'kinds=("gpu",)', r"the kinds of a runtime are a tuple of some of cpu, cuda; mine has \('gpu',\)"),
        ('kinds=("cpu",)', 'kinds="cpu"', "the kinds of a runtime are a tuple of some of cpu, cuda; mine has 'cpu'"),
        ('precisions=("fp32",)', "precisions=()", r"the precisions of a runtime are a tuple of some of fp32, bf16, fp16; mine has \(\)"),
        ("load_s=20.0", "load_s=0", "load_s of a runtime is a number of seconds above zero; mine has 0"),
        ("load_s=20.0", "laod_s=20.0", "unexpected keyword argument 'laod_s'"),
        ("def mine(g, device)", "def mine(g)", r"a runtime is a function load\(g, device\) that returns a Loaded; got <function mine"),
        ("def mine(", "def eager(", "there is already a runtime 'eager', from nasbench.latency.runtimes.registry; choose another name"),
    ],
)
def test_impossible_definitions_are_refused(write, old: str, new: str, message: str) -> None:
    before = dict(RUNTIMES)
    with pytest.raises(PluginError, match=message):
        nb.load_plugin(write(MINE.replace(old, new)))
    assert dict(RUNTIMES) == before


def test_the_decorator_without_options_takes_the_functions_name(monkeypatch: pytest.MonkeyPatch) -> None:
    @runtime
    def plain(g, device):
        return Loaded(lambda: None)

    try:
        assert RUNTIMES["plain"].kinds == ("cpu", "cuda")
        assert RUNTIMES["plain"].load is plain
        other = runtime(name="other", packages=["torch"])(plain)
        assert other is plain
        assert RUNTIMES["other"].packages == ("torch",)
    finally:
        for name in ("plain", "other"):
            RUNTIMES.pop(name, None)


def test_a_device_of_an_unknown_runtime_still_has_words(write) -> None:
    plugin = nb.load_plugin(write(MINE))
    device = local_device(2, runtime="mine")
    data, words = device.to_json(), str(device)
    forget_plugin(plugin)
    with pytest.raises(DeviceError, match="a runtime is one of"):
        Device.from_json(data)
    assert device_words(data) == words
    assert ", mine, 2 threads, batch 1, fp32" in words

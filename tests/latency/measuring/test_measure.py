"""The real thing on small networks, in one session."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype
from nasbench.latency.device import local_device
from nasbench.latency.measurement import Measurement
from nasbench.latency.measuring.measure import is_local, measure
from nasbench.latency.predicting.predict import Predictor
from nasbench.latency.predicting.profiling import profile_device
from nasbench.plugins import load_plugin


def network(width: int, size: int = 64, expand: str = "in*6") -> Genotype:
    rows = (Block("conv", {"width": width, "kernel": 3, "stride": 2}), Block("mbconv", {"width": width, "expand": expand}, repeat=3))
    return Genotype(f"w{width}", (3, size, size), rows, (), (Block("gap"), Block("linear", {"width": 10})))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measurement]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        one = network(48, 48, "in*2")
        networks = {"one": one, "twin": replace(one, name="other"), "large": network(128, 128)}
        steps: list[tuple[int, int]] = []
        found = measure(networks, local_device(1), min_rounds=12, max_seconds=10, progress=lambda *step: steps.append(step))
        assert steps == sorted(steps), "in order"
        assert {of for _, of in steps} == {12}
        assert 6 <= steps[-1][0] <= 12, "a busy machine leaves fewer than were wanted"
        return found


def test_one_network_under_two_names_is_as_fast(measured: dict[str, Measurement]) -> None:
    """But for the tenth by which processes differ: intervals hold the rounds of three of them, not of all that could be."""
    one, twin = measured["one"], measured["twin"]
    assert one.low_ms <= 1.1 * twin.high_ms
    assert twin.low_ms <= 1.1 * one.high_ms


def test_a_network_with_a_hundred_times_the_work_is_slower(measured: dict[str, Measurement]) -> None:
    """The control for the test above."""
    assert measured["large"].low_ms > 2 * measured["one"].high_ms


def test_every_measurement_has_an_interval_and_its_rounds(measured: dict[str, Measurement]) -> None:
    for m in measured.values():
        assert 0 < m.low_ms <= m.median_ms <= m.high_ms
        assert m.n >= 6 or "at least 6 are needed" in m.why  # a busy machine leaves fewer, and that is said
        assert m.reference_ms == measured["one"].reference_ms


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"name": "Abacus 9"}, "only a device of this machine can be measured; Abacus 9 is wanted"),
        ({"versions": {"torch": "0.1", "python": "3"}}, "the device has torch 0.1, this machine"),
    ],
)
def test_a_device_that_cannot_be_measured_here_is_said(change: dict[str, object], rule: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    with pytest.raises(DeviceError, match=rule):
        measure({"one": network(16)}, replace(local_device(1), **change), max_seconds=1)


def test_what_is_local() -> None:
    here = local_device(1)
    assert is_local(here)
    assert is_local(replace(here, host="rack", versions=here.versions | {"nasbench": "0.0"}, batch=4, precision="bf16"))
    for change in (
        {"name": "Abacus 9"},
        {"kind": "cuda", "name": "Abacus GPU"},
        {"threads": 4096},
        {"runtime": "onnxruntime"},  # of which version is not said
        {"versions": here.versions | {"torch": "0.1"}},
    ):
        assert not is_local(replace(here, **change)), change


@pytest.mark.alone
@pytest.mark.parametrize("runtime", ["compile", "onnxruntime"])
def test_other_runtimes_are_measured_too(runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    networks = {"small": network(16), "large": network(128, 128)}
    found = measure(networks, local_device(1, runtime=runtime), min_rounds=6, max_seconds=10)
    assert found["large"].low_ms > found["small"].high_ms


def test_what_fails_in_the_measuring_process_is_said_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    huge = Genotype("huge", (3, 8192, 8192), (Block("conv", {"width": 4096, "norm": False, "act": "none"}),), (), (Block("gap"),))
    with pytest.raises(DeviceError, match=r"huge cannot be run|the measuring process died"):
        measure({"huge": huge}, local_device(1), max_seconds=1)


def test_nothing_is_measured_in_no_time(tmp_path: Path) -> None:
    assert measure({}, local_device(1)) == {}
    with pytest.raises(DeviceError, match="at least 1 round and more than 0 s"):
        measure({"one": network(16)}, local_device(1), min_rounds=0)


def test_a_real_profile_predicts_what_it_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    networks = {f"{w}": network(w, size) for w, size in ((8, 32), (16, 64), (32, 64), (48, 96), (64, 64), (64, 128))}
    profile = profile_device(local_device(1), networks, rounds=4, max_seconds=5)
    predictor = Predictor(profile)
    assert [n.name for n in profile.networks] == list(networks)
    assert predictor.predict(networks["64"]).ms > 2 * predictor.predict(networks["8"]).ms
    assert predictor.predict(network(24, 96)).extrapolated == ()


def test_the_measuring_process_knows_the_users_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    file = tmp_path / "mine.py"
    file.write_text("from nasbench.genotype import block\n\n\n@block\ndef mine(t, x):\n    return t.unit(x, 8, 3)\n")
    plugin = load_plugin(file)
    file.unlink()  # only the text travels
    g = Genotype("own", (3, 16, 16), (Block("mine"), Block("gap")))
    found = measure({"own": g}, local_device(1), min_rounds=1, max_seconds=1)
    assert found["own"].median_ms > 0
    monkeypatch.setattr(sys.modules["nasbench.latency.measuring.measure"], "loaded_plugins", lambda: ())  # the control
    with pytest.raises(DeviceError, match=r"there is no block 'mine'.*--plugin"):
        measure({"own": g}, local_device(1), min_rounds=1, max_seconds=1)
    assert plugin.registered == ("mine",)

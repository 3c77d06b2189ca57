from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.errors import DeviceError
from nasbench.latency.predicting.predict import Predictor
from nasbench.latency.predicting.profile import Profile, load_profile, profile_path, save_profile, stored_profiles


@pytest.fixture
def profile(paper, some) -> Profile:
    return paper(layer_noise=0.1).profile(dict(list(some.items())[:6]))


@pytest.fixture
def path(profile: Profile, tmp_path: Path) -> Path:
    save_profile(profile, tmp_path / "devices" / "paper.json")
    return tmp_path / "devices" / "paper.json"


def test_a_profile_survives_its_file(profile: Profile, path: Path, others) -> None:
    again = load_profile(path)
    assert again.device == profile.device
    assert again.reference_ms == profile.reference_ms
    assert [(n.name, n.digest, n.n) for n in again.networks] == [(n.name, n.digest, n.n) for n in profile.networks]
    assert milliseconds(again, others) == pytest.approx(milliseconds(profile, others), rel=1e-3)


def milliseconds(profile: Profile, genotypes) -> list[float]:
    return [p.ms for p in Predictor(profile).predict_many(genotypes.values())]


@pytest.mark.parametrize("silent", [False, True])
def test_kernels_with_tails_and_without_times_and_the_base_survive(paper, some, others, silent: bool, tmp_path: Path) -> None:
    few = dict(list(some.items())[:6])
    base = paper(layer_noise=0.1).profile(some)
    profile = paper(runtime="onnxruntime", silent=silent).profile(few, base)
    save_profile(profile, tmp_path / "p.json")
    again = load_profile(tmp_path / "p.json")
    assert again.fuses
    assert not base.fuses
    for mine, its in zip(profile.networks, again.networks, strict=True):
        assert [s for s, _ in its.kernels] == [s for s, _ in mine.kernels]
        assert its.in_place == mine.in_place == (not silent)
    assert any("add" in s.tail for s, _ in again.networks[0].kernels)
    assert {ms for _, ms in again.networks[0].kernels} == {None} or not silent
    assert again.base is not None
    assert again.base.base is None
    assert (again.base.device, again.base.reference_ms) == (base.device, base.reference_ms)
    assert [n.digest for n in again.base.networks] == [n.digest for n in base.networks]
    assert milliseconds(again, others) == pytest.approx(milliseconds(profile, others), rel=1e-3)
    assert milliseconds(replace(again, base=None), others) != pytest.approx(milliseconds(again, others), rel=1e-6) or not silent


def test_one_kernel_without_a_time_makes_the_network_a_total(paper, some) -> None:
    n = paper().network("one", some["sample 0"])
    assert n.in_place
    (signature, _), *rest = n.kernels
    half = replace(n, kernels=((signature, None), *rest))
    assert not half.in_place
    slow = half.at_speed(2.0)
    assert [ms for _, ms in slow.kernels] == [None, *(2 * ms for _, ms in rest)]
    assert (slow.ms, slow.low_ms, slow.high_ms) == (2 * n.ms, 2 * n.low_ms, 2 * n.high_ms)


def test_the_file_can_be_read_by_people(path: Path) -> None:
    text = path.read_text()
    assert '"format": "nasbench device profile"' in text.splitlines()[1]
    assert max(map(len, text.splitlines())) < 20_000


def damaged(path: Path, change: str) -> None:
    data = json.loads(path.read_text())
    match change:
        case "truncated":
            path.write_text(path.read_text()[:-500])
        case "empty":
            path.write_text("")
        case "binary":
            path.write_bytes(b"\x89PNG\xff\xfe")
        case "foreign":
            path.write_text('{"format": "a recipe"}')
        case "list":
            path.write_text("[1, 2]")
        case "older":
            path.write_text(json.dumps(data | {"version": 1}))
        case "newer":
            path.write_text(json.dumps(data | {"version": 5}))
        case "of no version":
            path.write_text(json.dumps({k: v for k, v in data.items() if k != "version"}))
        case "edited":
            data["networks"][0]["ms"] *= 0.5
            path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("truncated", "is damaged"),
        ("empty", "is damaged"),
        ("binary", "is damaged"),
        ("foreign", "is not a nasbench device profile"),
        ("list", "is not a nasbench device profile"),
        ("older", r"reads version 4 of device profiles; .*paper\.json is version 1;"),
        ("newer", r"reads version 4 of device profiles; .*paper\.json is version 5;"),
        ("of no version", "is version None"),
        ("edited", "its checksum differs"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused(path: Path, change: str, rule: str) -> None:
    damaged(path, change)
    with pytest.raises(DeviceError, match=rule) as error:
        load_profile(path)
    assert "profile the device again" in str(error.value)


@pytest.mark.parametrize("part", ["device", "anchor", "networks", "signatures", "base"])
def test_a_file_that_lacks_a_part_is_refused(path: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasbench.latency.predicting.profile.checksum", lambda body: "same")
    data = json.loads(path.read_text()) | {"sha256": "same"}
    for value in ({}, 3, [3]):
        path.write_text(json.dumps(data | {part: value}))
        with pytest.raises(DeviceError):
            load_profile(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="No such file"):
        load_profile(tmp_path / "none.json")


def test_another_reference_network_is_refused(profile: Profile, tmp_path: Path) -> None:
    save_profile(replace(profile, reference="0" * 12), tmp_path / "p.json")
    with pytest.raises(DeviceError, match="another reference network"):
        load_profile(tmp_path / "p.json")


def test_profiles_join_at_the_speed_of_the_first(paper, some) -> None:
    names = list(some)
    first = paper().profile({name: some[name] for name in names[:6]})
    slow = paper(lambda s: 2 * paper().law(s)).profile({name: some[name] for name in names[4:10]})
    both = first.joined(replace(slow, reference_ms=2 * first.reference_ms))
    truth = {n.name: n.ms for n in paper().profile({name: some[name] for name in names[:10]}).networks}
    assert {n.name: n.ms for n in both.networks} == pytest.approx(truth)
    assert both.reference_ms == first.reference_ms


def test_stored_profiles_are_listed_with_what_is_wrong(profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    assert stored_profiles() == []
    save_profile(profile, profile_path(profile.device))
    (tmp_path / "devices" / "zzz.json").write_text("?")
    (good, found), (bad, error) = stored_profiles()
    assert (good, bad.name) == (profile_path(profile.device), "zzz.json")
    assert isinstance(found, Profile)
    assert isinstance(error, DeviceError)


def test_an_older_version_is_read_where_a_study_that_had_it_is_looked_at(path: Path) -> None:
    whole = load_profile(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    assert load_profile(path, past=True) == whole
    with pytest.raises(DeviceError, match="reads version 4"):
        load_profile(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 1}))
    with pytest.raises(DeviceError, match="reads version 4"):
        load_profile(path, past=True)

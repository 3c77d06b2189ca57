"""The stored timings of a profiling that did not come to its end."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.errors import DeviceError
from nasbench.latency.device import Device
from nasbench.latency.predicting import partial_profile
from nasbench.latency.predicting.partial_profile import PartialProfile

DEVICE = Device("cpu", "Paper", versions={"torch": "2"})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    return tmp_path


def timed(*names: str) -> dict[str, object]:
    return {name: {"visits": [[20.0, 5.0, 0.0, 0, 0]] * 2, "passes": [[0.0, 20.0], None], "calls": [0, 1]} for name in names}


def two_groups() -> Path:
    partial = PartialProfile(DEVICE)
    partial.add(timed("a", "b"))
    partial.add(timed("c"))
    return partial.path


def test_what_one_process_stores_the_next_finds() -> None:
    path = two_groups()
    again = PartialProfile(DEVICE)
    assert again.networks == timed("a", "b", "c")
    assert again.groups == 2
    again.clear()
    assert (again.networks, again.groups) == ({}, 0)
    assert not path.exists()
    again.clear()  # there may be none
    assert PartialProfile(DEVICE).networks == {}


@pytest.mark.parametrize("cut", [1, 2, 30, 100])
def test_a_torn_last_line_is_passed_over_and_takes_no_other_with_it(cut: int) -> None:
    """Its writer was killed while it wrote."""
    path = two_groups()
    path.write_bytes(path.read_bytes()[:-cut])
    again = PartialProfile(DEVICE)
    assert again.networks == timed("a", "b")
    assert again.groups == 1
    again.add(timed("d"))
    third = PartialProfile(DEVICE)
    assert third.networks == again.networks
    assert "d" in third.networks
    assert third.groups == again.groups


def test_a_file_that_is_torn_in_its_first_line_starts_anew() -> None:
    path = two_groups()
    path.write_bytes(path.read_bytes()[:50])
    again = PartialProfile(DEVICE)
    assert (again.networks, again.groups) == ({}, 0)
    again.add(timed("d"))
    assert PartialProfile(DEVICE).networks == timed("d")


@pytest.mark.parametrize("change", [{"device": "another"}, {"anchor": "0" * 12}])
def test_lines_of_another_device_or_reference_network_are_passed_over(change: dict[str, str]) -> None:
    path = two_groups()
    first, second = map(json.loads, filter(None, path.read_text().splitlines()))
    path.write_text(f"{json.dumps(first | change)}\n{json.dumps(second)}\n")
    assert PartialProfile(DEVICE).networks == timed("c")


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"3",
        b"\xff\xfe",
        {"group": "first"},
        {"networks": []},
        {"networks": {"a": 3}},
        {"networks": {"a": {"visits": None, "passes": None}}},
        {"networks": {"a": {"visits": [[1, 2]], "passes": [], "calls": []}}},
        {"networks": {"a": {"visits": [], "passes": [], "calls": []}}},
        {"networks": {"a": {"visits": [[20.0, 5.0, 0.0, 0, 0]], "passes": [[0.0, 20.0]]}}},  # by an older version
        {"version": 3},
    ],
)
def test_what_is_no_such_line_is_passed_over(line: bytes | dict[str, object]) -> None:
    path = two_groups()
    head = json.loads(path.read_text().split("\n")[0])
    path.write_bytes(line if isinstance(line, bytes) else json.dumps(head | line).encode())
    assert (PartialProfile(DEVICE).networks, PartialProfile(DEVICE).groups) == ({}, 0)


def test_timings_of_another_day_are_passed_over_for_good() -> None:
    path = two_groups()
    before = time.time() - 2 * 24 * 3600
    os.utime(path, (before, before))
    partial = PartialProfile(DEVICE)
    assert partial.networks == {}
    partial.add(timed("d"))  # the file is of today now; what it held is not
    assert PartialProfile(DEVICE).networks == timed("d")


def test_timings_of_this_day_are_used() -> None:
    """The control for the test above."""
    path = two_groups()
    before = time.time() - partial_profile.FRESH_S + 3600
    os.utime(path, (before, before))
    assert PartialProfile(DEVICE).networks == timed("a", "b", "c")


def test_devices_keep_apart() -> None:
    two_groups()
    other = PartialProfile(replace(DEVICE, threads=2))
    assert other.networks == {}
    other.add(timed("x"))
    other.clear()
    assert PartialProfile(DEVICE).networks == timed("a", "b", "c")


def test_a_folder_that_cannot_be_written_is_said(cache: Path) -> None:
    (cache / "devices").write_text("a file where the folder would be")
    partial = PartialProfile(DEVICE)
    with pytest.raises(DeviceError, match=r"cannot write .*\.part: .*; set NASBENCH_CACHE to a folder you may write to"):
        partial.add(timed("a"))
    assert (partial.networks, partial.groups) == ({}, 0)


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DeviceError, match=r"No space left on device.*with some space left"):
        PartialProfile(DEVICE).add(timed("a"))

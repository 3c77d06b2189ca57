"""Files that survive a kill, and checksums of data."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench.files import JsonLines, checksum


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lines.jsonl"


def test_lines_are_read_back_in_order(path: Path) -> None:
    lines = JsonLines(path)
    assert lines.read() == []
    lines.append([{"a": 1}, [2]])
    lines.append(["three"])
    assert path.read_text() == '{"a": 1}\n[2]\n"three"\n'
    assert JsonLines(path).read() == [{"a": 1}, [2], "three"]


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_torn_last_line_is_ignored_and_removed_by_the_next(path: Path, cut: int) -> None:
    JsonLines(path).append([{"a": 1}, {"b": 2}])
    path.write_bytes(path.read_bytes()[:-cut])
    lines = JsonLines(path)
    assert lines.read() == [{"a": 1}]
    lines.append([{"c": 3}])
    assert path.read_text() == '{"a": 1}\n{"c": 3}\n'


def test_a_write_that_failed_half_way_is_removed_by_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = JsonLines(path)
    lines.append([1])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            lines.append([2])
    lines.append([3])
    assert JsonLines(path).read() == [1, 3]


@pytest.mark.parametrize("damage", [b"nonsense\n", b"\xff\n", b"{\n"])
def test_a_damaged_line_elsewhere_is_an_error_or_left_out(path: Path, damage: bytes) -> None:
    JsonLines(path).append([1])
    path.write_bytes(damage + path.read_bytes() + b"\n")  # an empty line is nothing
    with pytest.raises(ValueError, match=r"Expecting|decode"):
        JsonLines(path).read()
    assert JsonLines(path).read(skip_damaged=True) == [1]


def test_a_restart_drops_all_lines_at_the_next_append(path: Path) -> None:
    lines = JsonLines(path)
    lines.append([1, 2])
    lines.restart()
    assert JsonLines(path).read() == [1, 2]
    lines.append([3])
    assert JsonLines(path).read() == [3]


def test_a_checksum_does_not_depend_on_the_order_of_keys() -> None:
    assert checksum({"a": 1, "b": [2]}) == checksum({"b": [2], "a": 1})
    assert checksum({"a": 1}) != checksum({"a": 2})

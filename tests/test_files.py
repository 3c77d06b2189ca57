"""Files are written whole or not at all, or line by line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nasbench.errors import NasbenchError
from nasbench.files import JsonLines, cache_folder, checksum, write_atomic


@pytest.mark.parametrize(("content", "stored"), [("µ", "µ".encode()), (b"\x00\xff", b"\x00\xff"), ("", b"")])
def test_a_file_is_replaced_and_no_other_file_stays(tmp_path: Path, content: str | bytes, stored: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    write_atomic(path, content)
    assert path.read_bytes() == stored
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_that_the_umask_allows(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    write_atomic(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_and_its_file_is_written(tmp_path: Path, exists: bool) -> None:
    """Also through two links, one of them relative, and where the file does not exist yet."""
    (tmp_path / "there").mkdir()
    file, middle, link = tmp_path / "there" / "file", tmp_path / "there" / "middle", tmp_path / "link"
    if exists:
        file.write_text("old")
    middle.symlink_to("file")
    link.symlink_to(middle)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert middle.is_symlink()
    assert file.read_text() == "new"
    assert sorted(p.name for p in (tmp_path / "there").iterdir()) == ["file", "middle"]


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("n" * 255), "x")
    assert (tmp_path / ("n" * 255)).read_text() == "x"


@pytest.mark.parametrize("name", ["a\0b", "n" * 5000])
def test_a_path_that_cannot_be_is_an_error_of_ours(tmp_path: Path, name: str) -> None:
    with pytest.raises(NasbenchError, match="cannot write"):
        write_atomic(tmp_path / name, "x")


def test_where_nothing_can_be_written_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(NasbenchError, match=r"cannot write .*none/a\.txt: No such file or directory; free some space or choose"):
        write_atomic(tmp_path / "none" / "a.txt", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(NasbenchError, match="cannot write"):
        write_atomic(tmp_path / "folder", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_checksum_is_of_the_data_and_not_of_its_order() -> None:
    assert checksum({"a": 1, "b": [2]}) == checksum({"b": [2], "a": 1})
    assert checksum({"a": 1}) != checksum({"a": 2})
    assert len(checksum({})) == 64


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("NASBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/nasbench")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "nasbench"


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

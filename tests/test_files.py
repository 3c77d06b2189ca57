"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench.errors import NasbenchError
from nasbench.files import cache_folder, checksum, write_atomic


@pytest.mark.parametrize(("content", "stored"), [("µ", "µ".encode()), (b"\x00\xff", b"\x00\xff"), ("", b"")])
def test_a_file_is_replaced_and_no_other_file_stays(tmp_path: Path, content: str | bytes, stored: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    write_atomic(path, content)
    assert path.read_bytes() == stored
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


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

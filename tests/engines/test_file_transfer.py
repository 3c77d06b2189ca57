"""Files of a folder travel to a worker that does not see it, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.engines import file_transfer
from nasbench.engines.file_transfer import MARK, FileTransfer


@pytest.fixture
def transfer(tmp_path):
    (tmp_path / "checkpoint.bin").write_bytes(b"1")
    (tmp_path / ".hidden").write_bytes(b"2")
    (tmp_path / "subfolder").mkdir()
    return FileTransfer.pack(tmp_path)


def test_a_folder_is_marked_and_its_files_are_read(transfer, tmp_path):
    assert (tmp_path / MARK).read_text() == transfer.mark
    assert transfer.files == {"checkpoint.bin": b"1"}
    assert transfer.folder == str(tmp_path)
    transfer.close()
    assert not (tmp_path / MARK).exists()
    transfer.close()  # once more does nothing


def test_a_worker_that_sees_the_mark_works_in_the_folder(transfer, tmp_path):
    files = {}
    with transfer.folder_for_worker(files) as folder:
        assert folder == str(tmp_path)
    assert files == {}


@pytest.mark.parametrize("change", [{"mark": "another"}, {"folder": "/nowhere"}])
def test_another_worker_works_in_a_copy(transfer, change):
    files = {}
    with replace(transfer, **change).folder_for_worker(files) as folder:
        assert (Path(folder) / "checkpoint.bin").read_bytes() == b"1"
        (Path(folder) / "checkpoint.bin").unlink()
        (Path(folder) / "result.json").write_bytes(b"{}")
    assert files == {"result.json": b"{}"}
    assert not Path(folder).exists()


def test_the_smallest_file_is_written_last_and_a_file_that_the_worker_removed_is_removed(transfer, tmp_path, monkeypatch):
    order = []
    write = file_transfer.write_atomic
    monkeypatch.setattr(file_transfer, "write_atomic", lambda path, content: (order.append(path.name), write(path, content)))
    transfer.unpack({"result.json": b"{}", "weights": b"111"})
    assert order == ["weights", "result.json"]
    assert {file.name for file in tmp_path.iterdir()} == {"weights", "result.json", ".hidden", MARK, "subfolder"}

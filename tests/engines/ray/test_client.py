"""The Ray engine does the same with a driver that is not part of the cluster (`ray://`)."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace

import jobs
import pytest
from engine_calls import HELPERS, call, is_reaped, pids, until

from nasbench.engines.file_transfer import FileTransfer, FolderArgument
from nasbench.engines.ray.engine import RayEngine


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("grpc", reason="ray:// needs grpcio, which the extra ray[client] brings")
    server = subprocess.Popen([sys.executable, str(HELPERS / "client_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield server.stdout.readline().strip()
    server.communicate(timeout=60)


@pytest.fixture(scope="module")
def engine(address):
    with RayEngine(2, address=address, folder_argument=FolderArgument(jobs.own_folder, jobs.with_folder)) as engine:
        yield engine


@pytest.fixture
def bare(engine, monkeypatch):
    """The engine when arguments name no folder."""
    monkeypatch.setattr(engine, "_folder_argument", None)
    return engine


def test_answers_and_faults(bare):
    assert call(bare, jobs.double, 4).result == 8
    failed = call(bare, jobs.fail, "words")
    assert (failed.end, failed.reason) == ("error", "ValueError: words")
    died = call(bare, jobs.die, signal.SIGKILL)
    assert (died.end, died.result) == ("died", None)
    assert call(bare, jobs.double, 5).result == 10, "the engine works on"


def test_messages_reach_a_driver_outside_of_the_cluster(engine, address):
    received = []
    with RayEngine(1, address=address, on_message=received.append) as told:
        assert call(told, jobs.tell, 4).result == 4
    assert received == [("number", number) for number in range(4)]


def test_two_calls_at_a_time_and_one_is_cancelled(bare, tmp_path):
    bare.submit("slow", jobs.sleep, (tmp_path / "pid", 600))
    bare.submit("fast", jobs.double, 1)
    assert [(finished.key, finished.result) for finished in bare.wait(120)] == [("fast", 2)]
    (pid,) = pids(tmp_path / "pid")
    bare.cancel("slow")
    assert bare.running == []
    assert call(bare, jobs.double, 3).result == 6
    until(lambda: is_reaped(pid), seconds=60)


def test_a_time_limit(bare, tmp_path, monkeypatch):
    monkeypatch.setattr(bare, "time_limit_s", 1.0)
    assert call(bare, jobs.hold_interpreter, tmp_path / "pids").reason.startswith("a trial has 1 s; it was killed after 1.")


@pytest.mark.alone  # it has failed on a busy machine, without a result
def test_files_travel_both_ways(engine, tmp_path, monkeypatch):
    pack = FileTransfer.pack
    monkeypatch.setattr(FileTransfer, "pack", lambda folder: replace(pack(folder), mark="another"))
    (tmp_path / "checkpoint.bin").write_bytes(b"1")
    finished = call(engine, jobs.step, jobs.Step(str(tmp_path)))
    assert finished.end == "result", finished.reason
    assert finished.result != str(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"result.json": b"{}", "weights": b"11"}

"""The Ray engine with a driver that is no part of the cluster (`ray://`): it does what it does there."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jobs
import pytest

from nasbench.engines.file_transfer import FolderArgument
from nasbench.engines.file_transfer import pack as pack_folder
from nasbench.engines.ray import cluster
from nasbench.engines.ray import engine as ray_engine
from nasbench.engines.ray.engine import RayEngine
from nasbench.errors import StudyError

HERE = Path(__file__).parents[1] / "helpers"


def called(engine, function, argument, **options):
    engine.submit("key", function, argument, **options)
    (finished,) = engine.wait(120)
    return finished


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("grpc", reason="ray:// needs grpcio, which the extra ray[client] brings")
    server = subprocess.Popen([sys.executable, str(HERE / "client_server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield server.stdout.readline().strip()
    server.communicate(timeout=60)


@pytest.fixture(scope="module")
def engine(address):
    with RayEngine(2, address=address, carrier=FolderArgument(jobs.own_folder, jobs.with_folder)) as engine:
        yield engine


@pytest.fixture
def bare(engine, monkeypatch):
    """Its arguments name no folder."""
    monkeypatch.setattr(engine, "_carrier", None)
    return engine


def test_answers_and_faults(bare):
    assert called(bare, jobs.double, 4).result == 8
    failed = called(bare, jobs.fail, "words")
    assert (failed.end, failed.reason) == ("error", "ValueError: words")
    died = called(bare, jobs.die, signal.SIGKILL)
    assert (died.end, died.result) == ("died", None)
    assert called(bare, jobs.double, 5).result == 10, "the engine works on"


def test_two_calls_at_a_time_and_one_is_cancelled(bare, tmp_path):
    bare.submit("slow", jobs.sleep, (tmp_path / "pid", 600))
    bare.submit("fast", jobs.double, 1)
    found = bare.wait(120)
    assert [(one.key, one.result) for one in found] == [("fast", 2)]
    end = time.monotonic() + 60
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    bare.cancel("slow")
    assert bare.running == []
    assert called(bare, jobs.double, 3).result == 6
    assert jobs.gone((tmp_path / "pid").read_text())


def test_a_time_limit(bare, tmp_path, monkeypatch):
    monkeypatch.setattr(bare, "time_limit_s", 1.0)
    assert called(bare, jobs.hold_interpreter, tmp_path / "pids").reason.startswith("a trial has 1 s; it was killed after 1.")


def test_files_travel_both_ways(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_engine, "pack", lambda folder: replace(pack_folder(folder), mark="of another disk"))
    (tmp_path / "checkpoint.bin").write_bytes(b"1")
    assert called(engine, jobs.step, jobs.Step(str(tmp_path))).result != str(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"result.json": b"{}", "weights": b"11"}


def test_without_rays_client(monkeypatch):
    def missing(package):
        raise cluster.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(cluster.metadata, "version", lambda package: "2" if package == "ray" else missing(package))
    with (
        RayEngine(address="ray://head:10001") as engine,
        pytest.raises(StudyError, match=r"needs Ray's client, .* pip install 'ray\[client\]'"),
    ):
        engine.submit("key", jobs.double, 1)

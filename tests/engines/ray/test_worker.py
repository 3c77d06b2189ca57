"""A worker without a cluster: what one step returns, and the files that it sends back."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import jobs
import pytest

from nasbench.engines.calls import read_answer
from nasbench.engines.file_transfer import FileTransfer, FolderArgument
from nasbench.engines.ray import worker as ray_worker
from nasbench.engines.ray.call_queue import Call
from nasbench.engines.ray.worker import ANSWER, Worker


@pytest.fixture
def worker(monkeypatch):
    """A worker whose process stays as it is."""
    monkeypatch.setattr(ray_worker, "attach_to", lambda _: None)

    def make(preload=(), prepare=None):
        worker = Worker.__new__(Worker)
        worker.setup({}, None, preload, prepare)
        return worker

    return make


def call_of(function, argument, folder_argument=None, transfer=None):
    return Call(1, pickle.dumps((function, argument, folder_argument)), None, None, transfer)


def test_a_step_without_a_call_waits_longer_each_time(worker, monkeypatch):
    pauses = []
    monkeypatch.setattr(ray_worker.time, "sleep", pauses.append)
    idle = worker()
    assert [idle.step() for _ in range(5)] == [{}] * 5
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0]


def test_a_step_runs_the_call_once(worker):
    busy = worker()
    busy.receive(call_of(jobs.double, 4))
    answer, seconds, files = busy.step()[ANSWER]
    assert (read_answer(answer), seconds >= 0, files) == (("result", 8), True, None)
    assert busy.step() == {}


@pytest.mark.parametrize(
    ("preload", "prepare", "reason"),
    [
        (("no_such_module",), None, "ModuleNotFoundError: No module named 'no_such_module'"),
        ((), (jobs.fail, "no images"), "ValueError: no images"),
    ],
)
def test_a_worker_that_cannot_start_answers_with_the_reason(worker, preload, prepare, reason):
    broken = worker(preload, prepare)
    broken.receive(call_of(jobs.double, 4))
    end, text, _ = read_answer(broken.step()[ANSWER][0])
    assert end == "error"
    assert text.startswith("a worker on ")
    assert text.endswith(f" cannot begin: {reason}")


@pytest.mark.parametrize("visible", [True, False])
def test_files_are_sent_back_from_another_disk(worker, visible, tmp_path):
    (tmp_path / "checkpoint.bin").write_bytes(b"1")
    transfer = FileTransfer.pack(tmp_path)
    busy = worker()
    busy.receive(
        call_of(
            jobs.step,
            jobs.Step("moved"),
            FolderArgument(jobs.own_folder, jobs.with_folder),
            transfer if visible else replace(transfer, mark="another"),
        )
    )
    answer, _, files = busy.step()[ANSWER]
    end, folder = read_answer(answer)
    assert end == "result"
    assert (folder == str(tmp_path)) == visible
    assert Path(folder).exists() == visible
    assert files == (None if visible else {"weights": b"11", "result.json": b"{}"})

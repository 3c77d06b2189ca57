"""One driver at a time holds a study, and a dead one does not."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys

import pytest

from nasbench.errors import StudyError
from nasbench.study.directory import StudyDirectory
from nasbench.study.driver_lock import DriverLock, holder

COMMAND = {"space": "tiny"}


def test_a_second_driver_is_refused_with_who_holds_the_lock(tmp_path):
    script = (
        "import sys, time; from nasbench.study.directory import StudyDirectory; "
        f"f = StudyDirectory.create({str(tmp_path / 'a')!r}, {COMMAND!r}); print('held', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(StudyError, match=rf"one driver at a time; .* is held by pid {first.pid} on .* since 20.*; wait for it"):
            StudyDirectory.create(tmp_path / "a", COMMAND)
        assert StudyDirectory.open(tmp_path / "a").driver["pid"] == first.pid
    finally:
        first.kill()
        first.communicate()
    assert StudyDirectory.open(tmp_path / "a").driver is None
    StudyDirectory.create(tmp_path / "a", COMMAND).close()  # at once


def test_the_same_process_twice(tmp_path):
    with StudyDirectory.create(tmp_path / "a", COMMAND), pytest.raises(StudyError, match=f"held by pid {os.getpid()}"):
        StudyDirectory.create(tmp_path / "a", COMMAND)


def hold_and_die(path, child_may_end):
    """Lock, fork a child that inherits the locked file, and die."""
    lock = DriverLock(path)
    lock.acquire()
    if os.fork() == 0:
        child_may_end.wait(60)
    os._exit(0)


def test_a_dead_drivers_child_does_not_hold_the_lock(tmp_path):
    context = multiprocessing.get_context("fork")
    event = context.Event()
    driver = context.Process(target=hold_and_die, args=(tmp_path / "driver.lock", event))
    driver.start()
    driver.join()
    lock = DriverLock(tmp_path / "driver.lock")
    lock.acquire()
    assert holder(tmp_path / "driver.lock")["pid"] == os.getpid()
    lock.release()
    event.set()


def test_a_pid_that_was_given_to_another_process(tmp_path):
    """The lock is ours, but the file names our pid with another start: the process that wrote it is dead."""
    lock = DriverLock(tmp_path / "driver.lock")
    lock.acquire()
    content = json.loads((tmp_path / "driver.lock").read_text())
    (tmp_path / "driver.lock").write_text(json.dumps(content | {"ticks": 1}))
    other = DriverLock(tmp_path / "driver.lock")
    other.acquire()
    other.release()
    lock.release()

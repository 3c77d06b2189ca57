"""The study directory: what it refuses, and that one driver at a time holds it."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nasbench.errors import StudyError
from nasbench.study.directory import StudyDirectory, study_path
from nasbench.study.driver_lock import DriverLock, holder
from nasbench.study.trial import Trial

COMMAND = {"space": "tiny", "latency": {"ms": 20.0}, "trials": 30}


@pytest.mark.parametrize("name", ["a", "mbconv-20ms", "2026_11.run", "é", "x" * 100])
def test_names(name):
    assert study_path("runs", name) == Path("runs") / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", "a\0b", "x" * 101, "-rf", ".hidden", "<script>", "a b", "a\n"]
)
def test_names_that_escape(name):
    with pytest.raises(StudyError, match=r"a study's name is 1 to 100 letters.*choose another --name"):
        study_path("runs", name)


def test_study_yaml_says_what_was_asked_and_with_what(tmp_path):
    with StudyDirectory.create(tmp_path / "runs" / "a", COMMAND):
        study = yaml.safe_load((tmp_path / "runs/a/study.yaml").read_text())
    assert study["command"] == COMMAND
    assert {"created", "host", "versions", "git"} <= study.keys()
    assert {"python", "torch", "optuna"} <= study["versions"].keys()


def test_the_same_command_goes_on(tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    before = (tmp_path / "a/study.yaml").read_text()
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    assert (tmp_path / "a/study.yaml").read_text() == before


def test_another_command_is_refused_with_what_differs(tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    before = (tmp_path / "a/study.yaml").read_text()
    other = COMMAND | {"latency": {"ms": 10.0}, "seed": 1}
    with pytest.raises(StudyError) as error:
        StudyDirectory.create(tmp_path / "a", other)
    assert str(error.value) == (
        f"{tmp_path}/a holds the study of another command (latency.ms: 20.0 there, 10.0 now; seed: 'not set' there, 1 now); "
        "choose another --name, or give the command it began with"
    )
    assert (tmp_path / "a/study.yaml").read_text() == before
    StudyDirectory.create(tmp_path / "a", COMMAND).close()  # the refused one left no lock


def test_some_things_may_change(tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    with StudyDirectory.create(tmp_path / "a", COMMAND | {"trials": 60}, may_change=["trials"]):
        assert StudyDirectory.open(tmp_path / "a").command["trials"] == 60


def test_numbers_are_told_from_texts(tmp_path):
    StudyDirectory.create(tmp_path / "a", {"seed": 1}).close()
    with pytest.raises(StudyError, match="seed: 1 there, '1' now"):
        StudyDirectory.create(tmp_path / "a", {"seed": "1"})


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StudyError, match=r"needs an empty folder; .* holds thesis.tex; choose another --name"):
        StudyDirectory.create(tmp_path, COMMAND)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StudyError, match="is a file; choose another --name"):
        StudyDirectory.create(tmp_path / "a", COMMAND)


@pytest.mark.parametrize("path", ["/proc/nasbench", "/dev/null/a"])
def test_no_permission(path):
    with pytest.raises(StudyError, match=f"a study needs a folder it may write to; {path}: .*; choose another with --runs"):
        StudyDirectory.create(path, COMMAND)


@pytest.mark.parametrize("content", ["", "[1]", "format: 2\ncommand: {}", "a: [", "\x00", "!!python/object/apply:os.system [ls]"])
def test_a_damaged_study_yaml(content, tmp_path):
    StudyDirectory.create(tmp_path / "a", COMMAND).close()
    (tmp_path / "a/study.yaml").write_text(content)
    with pytest.raises(StudyError, match=r"study.yaml .*; restore it from a copy, or choose another --name"):
        StudyDirectory.create(tmp_path / "a", COMMAND)
    assert (tmp_path / "a/study.yaml").read_text() == content


def test_opening_no_study(tmp_path):
    with pytest.raises(StudyError, match=r"a study is a folder with study.yaml; .* has none"):
        StudyDirectory.open(tmp_path)


def test_a_driver_killed_at_its_very_start(tmp_path):
    """The lock and half a study.yaml are there, and nothing else."""
    (tmp_path / "driver.lock").write_text("")
    (tmp_path / ".study.yaml.xk3").write_text("format")
    StudyDirectory.create(tmp_path, COMMAND).close()


def test_second_driver_is_refused_and_told_who_holds_it(tmp_path):
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


def hold_and_die(path, child_may_go):
    """Lock, fork a child that inherits the locked file, and die."""
    lock = DriverLock(path)
    lock.acquire()
    if os.fork() == 0:
        child_may_go.wait(60)
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
    """The file is held by us under a signature with our pid but another start: its writer is dead."""
    held = DriverLock(tmp_path / "driver.lock")
    held.acquire()
    signature = json.loads((tmp_path / "driver.lock").read_text())
    (tmp_path / "driver.lock").write_text(json.dumps(signature | {"ticks": 1}))
    other = DriverLock(tmp_path / "driver.lock")
    other.acquire()
    other.release()
    held.release()


def test_where_a_trials_files_lie(tmp_path):
    with StudyDirectory.create(tmp_path / "a", COMMAND) as folder:
        assert not folder.has_trials()
        assert folder.trial_directory(Trial("search", 7, "running")) == folder.trial_path("search", 7) == tmp_path / "a/trials/search-0007"
        assert folder.has_trials()

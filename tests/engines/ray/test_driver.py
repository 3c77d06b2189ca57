"""What a worker takes over from its driver; a worker of a driver that has ended does not start."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace

from nasbench.engines.ray.driver import Driver, Host

CODE = """
import json, os, pickle, sys
from nasbench.engines.ray.driver import attach_to
attach_to(pickle.loads(bytes.fromhex(sys.argv[1])))
mask = os.umask(0)
print(json.dumps([os.getcwd(), mask, os.environ.get("NASBENCH_CACHE"), sys.path[-1]]))
"""


def attach(driver):
    """Run a process that attaches itself to a driver."""
    command = [sys.executable, "-c", CODE, pickle.dumps(driver).hex()]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NASBENCH_CACHE": "/before"}, timeout=60)


def settings_of(driver):
    process = attach(driver)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def driver_here(tmp_path, **changes):
    changes = {"folder": str(tmp_path), "umask": 0o027, "path": ("/modules",), "environment": {"NASBENCH_CACHE": "/cache"}, **changes}
    return replace(Driver.here(), **changes)


def test_on_the_drivers_host_its_settings_are_taken_over(tmp_path):
    assert settings_of(driver_here(tmp_path)) == [str(tmp_path), 0o027, "/cache", "/modules"]


def test_on_another_host_nothing_is_taken_over(tmp_path):
    elsewhere = driver_here(tmp_path, host=Host("elsewhere", "boot"), pid=2**22 - 1)
    assert not elsewhere.is_on_this_host
    folder, _, cache, entry = settings_of(elsewhere)
    assert (folder, cache) == (os.getcwd(), "/before")
    assert entry != "/modules"


def test_a_driver_that_has_ended_or_whose_id_is_used_again(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for changes in ({"pid": ended.pid}, {"start": 1}):
        process = attach(driver_here(tmp_path, **changes))
        assert process.returncode == -signal.SIGKILL
        assert process.stdout == ""

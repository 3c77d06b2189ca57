"""The program itself: exit codes, one line for each error, and where `--plugin` may be written."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
from messages import one_line

from nasbench import __version__
from nasbench.cli import main as program


def test_version_and_help(call):
    assert call("--version").stdout.strip() == f"nasbench {__version__}"
    ran = call("--help")
    assert ran.returncode == 0
    assert "measured latency limit" in ran.stdout
    for name in ("search", "status", "front", "plot", "copy", "dashboard", "device", "scale"):
        assert name in ran.stdout


def test_a_mistake_is_one_line_with_exit_code_2(call):
    one_line(call("status", "nowhere"), "nowhere")
    one_line(call("status"), "--help shows all options")


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (KeyboardInterrupt(), 130, "give the same command again"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), 2, "cannot write runs/a: No space left on device"),
    ],
)
def test_interrupts_and_full_disks_have_a_message(call, monkeypatch, error, code, part):
    def fail(path):
        raise error

    monkeypatch.setattr("nasbench.analysis.study.open_study", fail)
    ran = call("status", "runs/a")
    assert ran.returncode == code
    assert part in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_error_of_the_program_keeps_its_traceback(call, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("nasbench.analysis.study.open_study", fail)
    with pytest.raises(OSError, match="Input/output"):
        call("status", "runs/a")


def test_a_reader_that_leaves_sees_no_error(nasbench):
    shell = f"{' '.join(nasbench.line('known'))} | head -n 1"
    ran = subprocess.run(["bash", "-c", shell], cwd=nasbench.folder, env=nasbench.env, capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == ""


def test_a_plugin_may_be_named_after_every_command():
    groups = [program.__globals__["program"]()]
    commands = []
    while groups:
        for command in groups.pop().commands.values():
            (groups if hasattr(command, "commands") else commands).append(command)
    assert len(commands) > 15
    for command in commands:
        assert [p.name for p in command.params].count("plugin") == 1, command.name


def test_help_loads_no_torch():
    check = "import sys; sys.argv = ['nasbench', '--help']\nfrom nasbench.cli import main\n"
    check += "try:\n    main()\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert ran.stdout.strip().endswith("False")

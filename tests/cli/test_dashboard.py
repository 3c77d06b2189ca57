"""`nasbench dashboard`: its errors, and how it ends."""

from __future__ import annotations

import signal
import socket
import sys
import urllib.error
import urllib.request

import pytest
from made_study import COMMAND, make_study, result

from nasbench.study.directory import StudyDirectory

SEARCH = [result(0.70, 10), result(None, 30), result(0.80, 12), result(0.90, 19, status="infeasible")]


def test_without_the_extra_one_line_says_how_to_get_it(call, nasbench, monkeypatch):
    make_study(nasbench.folder / "runs" / "a", SEARCH)
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    ran = call("dashboard", "runs/a", "--no-browser")
    assert ran.returncode == 2
    assert "pip install 'nasbench[dashboard]'" in ran.stderr
    assert ran.stderr.count("\n") == 1


class TestInstalled:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("optuna_dashboard")

    def test_a_port_that_is_taken(self, call, nasbench):
        make_study(nasbench.folder / "runs" / "a", SEARCH)
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            ran = call("dashboard", "runs/a", "--no-browser", "--port", str(other.getsockname()[1]))
        assert ran.returncode == 2
        assert "--port" in ran.stderr

    def test_a_study_without_trials(self, call, nasbench):
        with StudyDirectory.create(nasbench.folder / "runs" / "young", dict(COMMAND)):
            ran = call("dashboard", "runs/young", "--no-browser", "--port", "0")
        assert ran.returncode == 2
        assert "wait for the first" in ran.stderr

    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
    def test_ctrl_c_ends_it_and_takes_the_copy_away(self, nasbench, sent, tmp_path):
        make_study(nasbench.folder / "runs" / "a", SEARCH)
        (tmp_path / "temporary").mkdir()
        nasbench.env["TMPDIR"] = str(tmp_path / "temporary")
        running = nasbench.start("dashboard", "runs/a", "--no-browser", "--port", "0")
        line = running.stdout.readline()
        assert "http://127.0.0.1:" in line, running.stderr.read()
        assert list((tmp_path / "temporary").glob("nasbench-dashboard-*/1.db"))
        url = line.split(" at ")[1].split(",")[0]
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.status == 200
        running.send_signal(sent)
        out, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors
        assert "ended" in out
        assert errors == ""
        assert list((tmp_path / "temporary").iterdir()) == []

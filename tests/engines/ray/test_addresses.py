"""A study from somebody else does not choose the cluster that its reader connects to."""

from __future__ import annotations

import platform
import socket

import pytest
from made_study import make_study
from messages import one_line

from nasbench.cli.search import _confirmed
from nasbench.engines.config import EngineConfig
from nasbench.engines.ray.addresses import check_stored_address, is_here, remember_address
from nasbench.errors import StudyError

ELSEWHERE = ("10.0.0.7:6379", "ray://head.example:10001", "localhost.example:6379", "127.0.0.1.example:1", "[2001:db8::1]:6379", "nowhere")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("address", [None, "auto", "localhost:1", "127.0.0.1:6379", "ray://[::1]:1", f"{platform.node()}:6379"])
def test_this_machine(address, tmp_path):
    assert is_here(address)
    check_stored_address(address, tmp_path)
    remember_address(address)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("address", ELSEWHERE)
def test_another_machine_has_to_be_named_once(address, tmp_path):
    with pytest.raises(StudyError, match=r"would connect to Ray at .*; if you trust it, name it: --address ADDRESS"):
        check_stored_address(address, tmp_path)
    remember_address(address)
    check_stored_address(address, tmp_path)
    with pytest.raises(StudyError):
        check_stored_address("10.0.0.8:6379", tmp_path)


def test_the_address_that_is_given_replaces_the_stored_one(tmp_path):
    stored = EngineConfig(name="ray", address="10.0.0.7:6379")
    with pytest.raises(StudyError):
        _confirmed(stored, None, tmp_path)
    assert _confirmed(stored, "10.0.0.9:6379", tmp_path).address == "10.0.0.9:6379"
    assert _confirmed(stored, "10.0.0.7:6379", tmp_path) == stored
    assert _confirmed(stored, None, tmp_path) == stored, "it was named before"


def test_resume_connects_to_nobody_before(tmp_path, monkeypatch, capsys):
    connected = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: connected.append(a))
    more = {"device_choice": {}, "reward": "hard", "known": [], "options": {}, "data_root": None, "final_seeds": 1, "trials": 3}
    path = make_study(tmp_path / "theirs", [], engine={"name": "ray", "address": "ray://10.0.0.7:10001"}, **more)
    monkeypatch.setattr("sys.argv", ["nasbench", "resume", str(path)])
    from nasbench.cli import main

    with pytest.raises(SystemExit) as ended:
        main()
    ran = capsys.readouterr()
    ran = type("Ran", (), {"returncode": ended.value.code, "stderr": ran.err})
    one_line(ran, "ray://10.0.0.7:10001", "--address")
    assert connected == []

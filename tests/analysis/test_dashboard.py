"""optuna-dashboard on a copy of a study: what it shows, and that the study stays unharmed."""

from __future__ import annotations

import hashlib
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from made_study import COMMAND, add_trials, make_study, result

import nasbench as nb
from nasbench.analysis.dashboard import Dashboard
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger

SEARCH = [result(0.70, 10), result(None, 30), result(0.80, 12), result(0.90, 19, status="infeasible")]

pytest.importorskip("optuna_dashboard")


@pytest.fixture
def served(tmp_path):
    path = make_study(tmp_path / "a", SEARCH)
    with Dashboard(StudyDirectory.open(path), port=0, refresh_s=0.1) as dashboard:
        yield dashboard, path


def get(served, place, method="GET", **headers):
    base = served.url.removesuffix("/dashboard")
    request = urllib.request.Request(base + place, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read()


def studies(served):
    return {s["study_name"]: s["study_id"] for s in json.loads(get(served, "/api/studies")[1])["study_summaries"]}


def test_the_trials_with_their_constraints(served):
    dashboard, path = served
    assert get(dashboard, "/dashboard")[0] == 200
    numbers = studies(dashboard)
    assert set(numbers) == {"search", "random"}
    trials = json.loads(get(dashboard, f"/api/studies/{numbers['search']}?after=0")[1])["trials"]
    assert len(trials) == 4
    infeasible = [any(c > 0 for c in t["constraints"]) for t in trials]
    assert infeasible == [False, True, False, True]
    assert [len(t["constraints"]) for t in trials] == [1, 1, 1, 1]
    assert nb.open_study(path).records("search")[1].constraints == {"latency": pytest.approx(0.65)}


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ({}, ["accuracy"]),
        ({"reward": "hard"}, ["reward"]),
        ({"reward": "hard", "latency_ms": None}, ["accuracy"]),
        ({"reward": "soft"}, ["reward"]),
    ],
)
def test_values_have_names(tmp_path, command, names):
    path = make_study(tmp_path / "a", SEARCH, **command)
    with Dashboard(StudyDirectory.open(path), port=0) as dashboard:
        number = studies(dashboard)["search"]
        assert json.loads(get(dashboard, f"/api/studies/{number}?after=0")[1])["objective_names"] == names


def test_what_is_deleted_there_is_not_deleted_here(served):
    dashboard, path = served
    before = hashlib.sha256((path / "ledger.db").read_bytes()).hexdigest()
    number = studies(dashboard)["search"]
    assert get(dashboard, f"/api/studies/{number}", method="DELETE")[0] == 204
    assert "search" not in studies(dashboard)  # the control: it can delete
    assert hashlib.sha256((path / "ledger.db").read_bytes()).hexdigest() == before
    assert len(nb.open_study(path).trials("search")) == 4


def test_it_follows_a_running_study(tmp_path):
    with StudyDirectory.create(tmp_path / "live", dict(COMMAND)) as folder, Ledger.open(folder) as ledger:
        add_trials(ledger, "search", [result(0.5, 10)])
        with Dashboard(StudyDirectory.open(tmp_path / "live"), port=0, refresh_s=0.1) as dashboard:
            number = studies(dashboard)["search"]
            add_trials(ledger, "search", [result(0.6, 11)])
            deadline = time.monotonic() + 60
            while (count := len(json.loads(get(dashboard, f"/api/studies/{number}?after=0")[1])["trials"])) < 2:
                assert time.monotonic() < deadline, count
                time.sleep(0.1)


def test_only_this_machine_is_answered(served):
    dashboard, _ = served
    port = int(dashboard.url.split(":")[2].split("/")[0])
    mine = listening(os.getpid())
    assert (port, "0100007F") in mine
    assert {address for p, address in mine if p == port} == {"0100007F"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(dashboard, "/api/studies", Host="evil.example")
    assert caught.value.code == 403
    assert get(dashboard, "/api/studies", Host=f"localhost:{port}")[0] == 200


FOREIGN = [
    ("DELETE", {"Origin": "https://evil.example"}),
    ("DELETE", {"Origin": "null"}),
    ("DELETE", {"Origin": "http://127.0.0.1:1"}),  # another server of this machine
    ("OPTIONS", {"Origin": "https://evil.example"}),
    ("GET", {"Origin": "https://evil.example"}),
    ("DELETE", {"Sec_Fetch_Site": "cross-site"}),
]


@pytest.mark.parametrize(("method", "headers"), FOREIGN, ids=[f"{method} {headers}" for method, headers in FOREIGN])
def test_pages_of_other_servers_are_refused(served, method, headers):
    dashboard, _ = served
    number = studies(dashboard)["search"]
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(dashboard, f"/api/studies/{number}", method=method, **headers)
    assert caught.value.code == 403
    assert "search" in studies(dashboard)


def test_its_own_pages_and_links_to_it_are_answered(served):
    dashboard, _ = served
    own = dashboard.url.removesuffix("/dashboard")
    assert get(dashboard, "/dashboard", Sec_Fetch_Site="cross-site")[0] == 200
    number = studies(dashboard)["search"]
    assert get(dashboard, f"/api/studies/{number}", method="DELETE", Origin=own, Sec_Fetch_Site="same-origin")[0] == 204


def listening(pid: int) -> set[tuple[int, str]]:
    """(port, address in hex) of the TCP sockets on which a process listens, of either family."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    sockets = set()
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                address, port = words[1].split(":")
                sockets.add((int(port, 16), address))
    return sockets

"""A finished study that is extended, damaged or begun again for another limit, as its user does it: on paper, without a training."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from paper_search import profile, write_table

import nasbench as nb
from nasbench.latency import save_profile


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a finished study of four trials of each phase."""
    folder = tmp_path_factory.mktemp("extend")
    save_profile(profile(error=0.01), folder / "phone.json")
    write_table(folder / "table.json")
    ran = nasbench(folder, *SEARCH, "--latency", "0.8ms", "--trials", "4", "--name", "first")
    assert ran.returncode == 0, ran.stderr
    return folder


SEARCH = ("search", "--space", "tiny", "--device", "phone.json", "--evaluator", "table", "--table", "table.json", "--jobs", "1")


def nasbench(folder, *words):
    env = {**os.environ, "NASBENCH_CACHE": str(folder / "cache"), "COLUMNS": "140"}
    return subprocess.run([sys.executable, "-m", "nasbench", *words], cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def evaluated(folder, name):
    return sum(t.status == "ok" for t in nb.open_study(folder / "runs" / name).records("search"))


def test_more_trials_by_resume_and_by_search(folder):
    before = nasbench(folder, "resume", "runs/first")
    assert before.returncode == 0, before.stderr
    assert evaluated(folder, "first") == 4
    assert nasbench(folder, "resume", "runs/first", "--trials", "6").returncode == 0
    assert evaluated(folder, "first") == 6
    assert nasbench(folder, *SEARCH, "--latency", "0.8ms", "--trials", "7", "--name", "first").returncode == 0
    assert evaluated(folder, "first") == 7
    fewer = nasbench(folder, "resume", "runs/first", "--trials", "5")
    assert fewer.returncode == 2
    assert fewer.stderr.strip() == (
        "nasbench: a study can be extended, not cut; it has --trials 7; give at least 7, or choose another --name"
    )
    assert nasbench(folder, "resume", "runs/first", "--time", "soon").returncode == 2


def test_another_limit_on_the_same_trials(folder):
    ran = nasbench(folder, *SEARCH, "--latency", "0.5ms", "--from", "runs/first", "--trials", "0", "--name", "narrow")
    assert ran.returncode in (0, 3), ran.stderr
    assert "trials of runs/first are within the limits here" in ran.stderr
    study = nb.open_study(folder / "runs" / "narrow")
    assert all(t.latency_ms <= 0.5 for t in study.records() if t.status == "ok" and t.phase != "final")
    assert nasbench(folder, "resume", "runs/narrow").returncode == ran.returncode
    missing = nasbench(folder, *SEARCH, "--latency", "0.5ms", "--from", "runs/none", "--name", "lost")
    assert (missing.returncode, missing.stderr.count("\n"), "Traceback" in missing.stderr) == (2, 1, False)
    assert not (folder / "runs" / "lost").exists()


def test_a_damaged_ledger_is_said_on_one_line_and_restored(folder):
    path = folder / "runs" / "first"
    trials = nb.open_study(path).records()
    (path / "ledger.db").write_bytes(b"no database at all")
    looked = nasbench(folder, "status", "runs/first", "--json")
    assert looked.returncode == 0
    assert json.loads(looked.stdout)["trials"]["search"]["ok"] == sum(t.status == "ok" for t in trials if t.phase == "search")
    assert looked.stderr.startswith("nasbench: runs/first/ledger.db is damaged: file is not a database; all its trials are read from")
    assert looked.stderr.count("\n") == 1
    resumed = nasbench(folder, "resume", "runs/first")
    assert "it was restored from ledger.jsonl" in resumed.stderr
    assert nasbench(folder, "status", "runs/first").stderr == ""
    assert nb.open_study(path).records() == trials

"""Studies that earlier versions began stay readable, and continue where they were: tests/assets/study-0.1-*.

Both were made by version 0.1 on the space tiny with a device on paper, and killed with kill -9 while trials ran.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.analysis.study import open_study
from nasbench.search.config import SearchConfig

ASSETS = Path(__file__).parents[1] / "assets"


@pytest.fixture
def old(tmp_path):
    """A copy of an old study, in a folder where its device's file is gone."""

    def copy(name) -> Path:
        return Path(shutil.copytree(ASSETS / f"study-0.1-{name}", tmp_path / "runs" / name))

    return copy


def nasbench(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NASBENCH_CACHE": str(path.parents[1] / "cache"), "COLUMNS": "160"}
    command = [sys.executable, "-m", "nasbench", *words]
    return subprocess.run(command, cwd=path.parents[1], env=env, capture_output=True, text=True, timeout=300)


def key(t):
    return (t.phase, t.number, t.digest, t.params, t.accuracy, t.values, t.latency_ms, t.seed, t.reason, dict(t.constraints))


@pytest.mark.parametrize(("name", "evaluated"), [("search", 7), ("halving", 18)])
def test_it_is_read_and_shown(old, name, evaluated):
    path = old(name)
    study = open_study(path)
    trials = study.records()
    assert sum(t.accuracy is not None for t in trials) >= evaluated
    assert {"running", "paused"} & {t.status for t in trials}, "it was killed on its way"
    assert not study.trials().empty
    shown = nasbench(path, "status", str(path))
    assert shown.returncode == 0, shown.stderr
    assert "search" in shown.stdout
    assert nasbench(path, "front", str(path)).returncode == 0
    config = SearchConfig.from_command(study.command)
    assert (config.space, config.evaluator, config.strategy, config.evaluator_options) == ("tiny", "train", "evolution", {})


def test_it_is_resumed_to_its_end(old):
    """The finished trials stay as they are, the one that ran is evaluated again, and the rest of the search follows."""
    path = old("search")
    before = {(t.phase, t.number): key(t) for t in open_study(path).records() if t.status not in ("running", "paused")}
    done = nasbench(path, "resume", str(path))
    assert done.returncode == 0, done.stderr
    study = open_study(path)
    after = {(t.phase, t.number): t for t in study.records()}
    assert {k: key(after[k]) for k in before} == before
    assert not [t for t in after.values() if t.status == "running"]
    assert sum(t.status == "ok" for t in study.records("search")) == 6
    assert study.summary()
    assert (path / "best" / "genotype.yaml").exists()
    assert study.command["evaluator"] == "train", "what it is evaluated by is written down now"
    again = nasbench(path, "resume", str(path))
    assert again.returncode == 0
    assert len(open_study(path).records()) == len(after), "nothing is left to do"


@pytest.mark.slow
def test_one_with_successive_halving_is_resumed(old):
    path = old("halving")
    before = {(t.phase, t.number): t for t in open_study(path).records()}
    done = nasbench(path, "resume", str(path))
    assert done.returncode == 0, done.stderr
    after = {(t.phase, t.number): t for t in open_study(path).records()}
    for k, t in before.items():
        assert (after[k].digest, after[k].params, after[k].seed) == (t.digest, t.params, t.seed)
        assert list(after[k].rungs)[: len(t.rungs)] == list(t.rungs)
    assert {t.status for t in after.values()} <= {"ok", "stopped", "duplicate", "over_budget", "skipped", "infeasible"}


def test_another_command_is_refused_and_names_the_evaluator(old, tmp_path):
    path = old("search")
    stored = open_study(path).command
    table = tmp_path / "table.json"
    table.write_text(json.dumps({"0": {"acc": [1.0]}}))
    words = ["search", "--space", "tiny", "--latency", "0.8ms", "--trials", "6", "--jobs", "1", "--known", "mobilenet_v3_small"]
    shutil.copy(path / "profile.json", tmp_path / "paper.json")
    (tmp_path / "small.json").write_text('{"images": 640, "calibration": 128}')
    refused = nasbench(
        path, *words, "--device", "paper.json", "--recipe", "small.json", "--name", "search", "--evaluator", "table", "--table", str(table)
    )
    assert refused.returncode == 2
    assert "evaluator: 'train' there, 'table' now" in refused.stderr
    assert open_study(path).command == stored

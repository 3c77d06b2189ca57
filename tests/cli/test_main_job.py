"""The main job through the command line, small: it trains, on a device whose profile is a file, so that nothing is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from messages import one_line
from paper_search import profile

from nasbench.analysis.study import open_study
from nasbench.latency import save_profile

WORDS = ["search", "--space", "tiny", "--device", "paper.json", "--latency", "0.8ms", "--recipe", "small.json", "--trials", "3"]
WORDS += ["--jobs", "2", "--known", "mobilenet_v3_small", "--name", "main"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("main_job")
    save_profile(profile(), path / "paper.json")
    (path / "small.json").write_text('{"images": 640, "calibration": 128}')
    return path


def nasbench(folder, *words):
    env = {**os.environ, "NASBENCH_CACHE": str(folder / "cache"), "COLUMNS": "160"}
    return subprocess.run([sys.executable, "-m", "nasbench", *words], cwd=folder, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def done(folder):
    run = nasbench(folder, *WORDS)
    assert run.returncode == 0, run.stderr
    return run


def test_it_prints_plan_progress_and_winner(done):
    for words in (
        "256 networks",
        "latency 0.8 ms: binds",
        "3 by predictor, 1 at random",
        "final round",
        "winner",
        "kept as predicted",
        "was it worth it",
    ):
        assert words in done.stdout, words
    assert "[1/" in done.stderr
    assert "left" in done.stderr, "an estimate"


def test_its_study_is_complete(folder, done):
    study = open_study(folder / "runs" / "main")
    for phase, count in (("search", 3), ("random", 1)):
        assert sum(t.status == "ok" for t in study.records(phase)) == count
    assert {t.status for t in study.records("final")} <= {"ok", "infeasible"}
    for name in ("study.yaml", "plan.json", "profile.json", "ledger.db", "summary.json", "front.csv", "front.png"):
        assert (study.path / name).stat().st_size > 0, name
    for name in ("genotype.yaml", "weights.safetensors", "preprocess.json", "card.json"):
        assert (study.path / "best" / name).stat().st_size > 0, name
    assert study.command["evaluator"] == "train"


def test_the_same_command_again_trains_nothing(folder, done):
    study = open_study(folder / "runs" / "main")
    before = [(t.phase, t.number, t.digest, t.accuracy, t.finished) for t in study.records()]
    again = nasbench(folder, *WORDS, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["winner"] is True
    assert [(t.phase, t.number, t.digest, t.accuracy, t.finished) for t in open_study(study.path).records()] == before


def test_it_can_be_looked_at_and_exported(folder, done):
    assert "search" in nasbench(folder, "status", "runs/main").stdout
    assert nasbench(folder, "front", "runs/main").returncode == 0
    exported = nasbench(folder, "export", "runs/main", "--out", "exported")
    assert exported.returncode == 0, exported.stderr


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--evaluator", "trian"), ("an evaluator is one of", "did you mean train")),
        (("--evaluator", "table"), ("needs the option table", "--table")),
        (("--evaluator", "table", "--table", "none.json"), ("a table is a JSON file", "none.json")),
        (("--table", "small.json"), ("the evaluator train has no option 'table'",)),
        (("--strategy", "evolutoin"), ("a strategy is one of", "did you mean evolution")),
        (("--strategy", "evolution", "--option", "populaton=50"), ("no option 'populaton'", "did you mean population")),
        (("--option", "population"), ("NAME=VALUE", "'population'")),
        (("--strategy", "evolution", "--option", "population=many"), ("population is a whole number from 1; got 'many'",)),
        (("--strategy", "evolution", "--option", "population=3"), ("a sample is drawn from the population",)),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, words, parts):
    refused = nasbench(folder, *WORDS[:-1], "refused", *words)
    one_line(refused, *parts)
    assert not (folder / "runs" / "refused").exists()


def test_options_of_a_strategy_reach_the_ledger(folder):
    words = [*WORDS[:-1], "options", "--option", "startup=2", "--option", "sample=1"]
    planned = nasbench(folder, "plan", *words[1:-6], "--option", "startup=2", "--json")
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["trials"] == 3

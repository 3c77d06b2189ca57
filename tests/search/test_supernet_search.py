"""A whole search on a supernet: scores choose, trainings decide, and nothing of one is compared with the other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

import nasbench as nb
from nasbench.analysis.plots.study import front_picture, save_front
from nasbench.evaluate.measure import ACCURACY, SUPERNET_ACCURACY

RECIPE = '{"epochs": 1, "images": 256, "train_size": 24, "calibration": 64}'
COMMAND = ("--space", "tiny", "--macs", "3M", "--evaluator", "supernet", "--supernet-steps", "40", "--trials", "10", "--known", "none",
           "--control", "equal", "--jobs", "2", "--name", "study")  # fmt: skip


def command(folder: Path, *more: str) -> list[str]:
    recipe = folder / "recipe.json"
    recipe.write_text(RECIPE)
    return [sys.executable, "-m", "nasbench", "search", *COMMAND, "--recipe", str(recipe), "--runs", str(folder / "runs"), *more]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("supernet")
    result = subprocess.run(command(folder), capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "runs" / "study", result.stdout


def outcome(path: Path) -> list[tuple[object, ...]]:
    return [(t.phase, t.number, t.digest, t.status, t.accuracy) for t in nb.open_study(path).records()]


def test_scores_and_trainings_are_told_apart(searched: tuple[Path, str], tmp_path: Path) -> None:
    path, said = searched
    study = nb.open_study(path)
    assert (study.measure, study.final_measure) == (SUPERNET_ACCURACY, ACCURACY)
    records = study.records()
    evaluated = [t for t in records if t.accuracy is not None]
    assert {t.more.get("measure", ACCURACY) for t in evaluated if t.phase != "final"} == {SUPERNET_ACCURACY}
    assert {t.more.get("measure", ACCURACY) for t in evaluated if t.phase == "final"} == {ACCURACY}
    alone = {t.digest for t in records if t.phase == "final"}
    assert len(alone) >= 4  # leaders beyond the two that are always trained
    assert "a score without training" not in said
    assert "final round" in said
    picture = front_picture(study.trials(), study.summary(), study.limit_ms, study.device, study.measure)
    assert picture.label == "supernet accuracy in %, with shared weights, on validation images"
    assert save_front(study, tmp_path / "front.png").stat().st_size > 0
    winner = next(row for row in study.summary() if row["winner"])
    own = [t.accuracy for t in records if t.phase == "final" and t.digest == winner["digest"]]
    assert winner["accuracy"] == pytest.approx(sum(a for a in own if a is not None) / len(own))
    verdict = json.loads((path / "verdict.json").read_text())
    assert verdict["random"]["evaluated"] == sum(t.phase == "random" and t.status == "ok" for t in records)


def test_another_network_is_picked_by_its_score(searched: tuple[Path, str]) -> None:
    study = nb.open_study(searched[0])
    trials = study.trials()
    scored = trials[(trials["phase"] != "final") & (trials["status"] == "ok")]
    limit = int(scored["macs"].median())
    picked = study.pick(macs=str(limit), train_time="none")
    inside = scored[scored["macs"] <= limit]
    assert picked.genotype is not None
    assert nb.digest(picked.genotype) in set(inside["digest"])


@pytest.mark.slow
def test_a_killed_search_ends_as_it_would_have(searched: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = searched
    moments = (4.0, 6.0, 9.0)
    for seconds in moments:
        process = subprocess.Popen(
            command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path, start_new_session=True
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.5)  # workers notice that their driver has died
    result = subprocess.run(command(tmp_path), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    again = tmp_path / "runs" / "study"
    assert outcome(again) == outcome(path)
    ours, theirs = (load_file(p / "supernet" / "weights.safetensors") for p in (again, path))
    assert ours.keys() == theirs.keys()
    assert all((ours[key] == theirs[key]).all() for key in ours)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--epochs", "9", "--eta", "3"), "--eta and --rungs stop trainings early, and it trains none"),
        (("--supernet-steps", "0"), "the supernet's steps is a whole number from 1; got 0"),
        (("--evaluator", "train"), "the evaluator train has no option 'supernet_steps'"),
        (("--evaluator", "supernett"), "got 'supernett'; did you mean supernet?"),
    ],
)
def test_what_cannot_be_is_one_line(more: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = subprocess.run(command(tmp_path, *more), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs" / "study").exists()

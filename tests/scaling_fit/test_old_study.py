"""A fit that version 0.1 began stays readable, and continues where it was killed: tests/assets/study-0.1-fit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import nasbench as nb
from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.genotype import digest
from nasbench.scaling_fit.config import FitConfig
from nasbench.scaling_fit.curves import curve_points

ASSETS = Path(__file__).parents[1] / "assets"
ENDED = 12  # trials that had ended when it was killed; another one ran


@pytest.fixture
def path(tmp_path):
    """A copy of the fit, beside the genotype that it was begun with."""
    shutil.copy(ASSETS / "fit-base.yaml", tmp_path / "base.yaml")
    return Path(shutil.copytree(ASSETS / "study-0.1-fit", tmp_path / "runs" / "fit"))


def start(path, *words):
    env = {**os.environ, "NASBENCH_CACHE": str(path.parents[1] / "cache"), "COLUMNS": "160"}
    command = [sys.executable, "-m", "nasbench", *words, str(path)]
    return subprocess.Popen(command, cwd=path.parents[1], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def nasbench(path, *words):
    process = start(path, *words)
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def ended(path):
    """The trials that have ended, by phase and number."""
    return {(t.phase, t.number): t for t in open_study(path).records() if t.status != "running"}


def test_it_is_read_and_shown(path):
    fit = nb.open_fit(path)
    trials = fit.trials()
    assert Counter(trials["status"]) == {"ok": ENDED}
    assert list(trials["direction"]) == ["base", *["lattice"] * 10, "base"]
    assert fit.cost == "MACs"
    assert fit.curves().empty
    with pytest.raises(StudyError, match=r"fit\.json"):
        fit.coefficients()
    study = open_study(path)
    assert [t.number for t in study.records() if t.status == "running"] == [ENDED], "it was killed while a trial ran"
    config = FitConfig.from_command(study.command)
    assert digest(config.genotype) == digest(nb.Genotype.from_yaml(ASSETS / "fit-base.yaml"))
    status = nasbench(path, "status")
    assert status.returncode == 0, status.stderr
    assert f"{ENDED} ok, 1 running" in status.stdout


def test_it_is_resumed_and_may_be_killed_again(path):
    """The ended trials stay as they are, and the one that ran is trained again with its seed."""
    before, interrupted = ended(path), open_study(path).records()[ENDED]
    driver = start(path, "resume")
    try:
        until = time.monotonic() + 120
        while len(ended(path)) < ENDED + 2 and driver.poll() is None and time.monotonic() < until:
            time.sleep(0.3)
    finally:
        driver.kill()
        _, err = driver.communicate(timeout=30)
    after = ended(path)
    assert len(after) >= ENDED + 2, err
    assert {key: after[key] for key in before} == before
    again = after["grid", ENDED]
    assert (again.status, again.digest, again.seed) == ("ok", interrupted.digest, interrupted.seed)


@pytest.mark.slow
def test_it_is_resumed_to_its_end(path):
    before = ended(path)
    resumed = nasbench(path, "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "95 % intervals" in resumed.stdout
    after = ended(path)
    assert {key: after[key] for key in before} == before
    assert {t.status for t in after.values()} == {"ok"}
    fit = nb.open_fit(path)
    assert fit.fit.trials >= 10
    assert len(fit.coefficients()) == 3
    points = curve_points(t for t in after.values() if t.phase == "curves")
    assert {p.direction for p in points if p.size == 2.0} == {
        "depth", "width", "resolution", "EfficientNet's", "fast (d1_w8_r1)", "fitted",
    }  # fmt: skip
    for name in ("scaling.png", "curves.csv"):
        assert (path / name).stat().st_size > 0, name
    assert nasbench(path, "resume").returncode == 0  # trials that the time limit left out may follow
    assert {key: ended(path)[key] for key in after} == after

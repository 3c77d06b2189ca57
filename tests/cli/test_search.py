"""The main job, small: what it prints, writes and survives."""

from __future__ import annotations

import json
import shutil
import signal
import time

import pytest

import nasbench as nb
from nasbench.analysis.study import open_study
from nasbench.latency.predicting.profile import VERSION

pytestmark = pytest.mark.alone  # it trains and measures: minutes on a busy machine


def finished(study) -> dict[tuple[str, int], tuple[str, float]]:
    return {(t.phase, t.number): (t.digest, t.accuracy) for t in study.records() if t.accuracy is not None}


@pytest.fixture(scope="module")
def done(program):
    """A finished study, and what the command printed."""
    ran = program(*program.search("--name", "whole"))
    if ran.returncode == 3 and ("too noisy" in ran.stdout or "not verified" in ran.stdout):
        pytest.skip("this machine is too busy to measure, and nothing is promised then")
    assert ran.returncode == 0, ran.stderr
    return program, ran


def test_it_prints_the_plan_and_the_winner(done):
    _, ran = done
    for words in (
        "256 networks",
        "fastest",
        "within them",
        "trials",
        "minutes",
        "winner",
        "measured",
        "was it worth it?",
        "random",
        "known",
    ):
        assert words in ran.stdout, words
    assert ran.stdout.index("expected") < ran.stdout.index("winner")
    assert "left" in ran.stderr  # an estimate, while it ran


def test_its_folder_is_the_database(done):
    program, _ = done
    path = program.folder / "runs" / "whole"
    study = open_study(path)
    for name in ("study.yaml", "plan.json", "profile.json", "ledger.db", "summary.json", "front.csv", "front.png"):
        assert (path / name).stat().st_size > 0, name
    assert len(study.trials("search").query("status == 'ok'")) == 3
    assert len(study.trials("random").query("status == 'ok'")) == 1, "a quarter of the search's"
    card = json.loads((path / "best" / "card.json").read_text())
    assert card["met"]
    assert card["measured"]["median_ms"] <= card["target_ms"] == 1000
    winner = nb.Genotype.from_yaml(path / "best" / "genotype.yaml")
    assert nb.digest(winner) == card["digest"]
    assert (path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_its_weights_are_the_winners(done):
    from safetensors.torch import load_file

    program, _ = done
    best = program.folder / "runs" / "whole" / "best"
    net = nb.build(nb.Genotype.from_yaml(best / "genotype.yaml"))
    nb.load_weights(net, load_file(best / "weights.safetensors"))


def test_the_last_round_is_fair(done):
    program, _ = done
    rows = open_study(program.folder / "runs" / "whole").summary()
    assert {r["network"].split()[0] for r in rows} == {"search", "random", "known"}
    assert sum(r["network"].startswith("known") for r in rows) == 3
    assert sum(r["winner"] for r in rows) == 1
    assert all(len(r["accuracy_seeds"]) == 2 and r["test_accuracy"] is not None for r in rows)


def test_the_same_command_again_trains_nothing(done):
    program, _ = done
    path = program.folder / "runs" / "whole"
    before = finished(open_study(path))
    began = {p: p.stat().st_mtime_ns for p in path.glob("trials/*/result.json")}
    again = program(*program.search("--name", "whole"))
    assert again.returncode == 0, again.stderr
    assert "winner" in again.stdout
    assert finished(open_study(path)) == before
    assert {p: p.stat().st_mtime_ns for p in path.glob("trials/*/result.json")} == began


def test_a_study_whose_profile_is_older_does_not_go_on_and_is_still_read(done):
    program, _ = done
    path = program.folder / "runs" / "older"
    shutil.copytree(program.folder / "runs" / "whole", path)
    profile = path / "profile.json"
    profile.write_text(profile.read_text().replace(f'"version": {VERSION}', '"version": 3', 1))
    again = program("resume", "runs/older")
    assert again.returncode == 2
    said = again.stderr.strip().splitlines()[-1]
    assert "profile.json is version 3" in said
    assert "begin another one, under another --name" in said
    assert open_study(path).predictor().profile.networks


def test_another_command_is_refused(done):
    program, _ = done
    before = finished(open_study(program.folder / "runs" / "whole"))
    other = program(*program.search("--name", "whole", "--seed", "1"))
    assert other.returncode == 2
    assert "seed" in other.stderr
    assert "--name" in other.stderr
    assert finished(open_study(program.folder / "runs" / "whole")) == before


def test_status_front_and_export(done):
    program, _ = done
    status = json.loads(program("status", "runs/whole", "--json").stdout)
    assert status["trials"]["search"]["ok"] == 3
    front = json.loads(program("front", "runs/whole", "--json").stdout)
    assert front
    assert [r["latency_ms"] for r in front] == sorted(r["latency_ms"] for r in front)
    assert [r["accuracy"] for r in front] == sorted(r["accuracy"] for r in front)
    exported = program("export", "runs/whole").stdout
    assert nb.Genotype.from_yaml(exported) == nb.Genotype.from_yaml(program.folder / "runs" / "whole" / "best" / "genotype.yaml")


@pytest.mark.parametrize("moment", [1, 4])
def test_kill_9_and_the_same_command(done, moment):
    """Killed after some trials, the same command ends with the trials of a run that nobody disturbed."""
    program, _ = done
    name = f"killed{moment}"
    running = program.start(*program.search("--name", name))
    path = program.folder / "runs" / name
    deadline = time.monotonic() + 120
    while len(list(path.glob("trials/*/result.json"))) < moment:
        assert running.poll() is None, running.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = finished(open_study(path))
    again = program("resume", f"runs/{name}")
    assert again.returncode == 0, again.stderr
    after = finished(open_study(path))
    assert kept.items() <= after.items()
    assert not [t for t in open_study(path).records() if t.status == "running"]
    whole = finished(open_study(program.folder / "runs" / "whole"))
    arms = {key for key in whole if key[0] != "final"}  # the last round depends on measured latency
    assert {key: after[key] for key in arms} == {key: whole[key] for key in arms}
    assert {key for key in after if key[0] != "final"} == arms


def test_it_ends_in_a_network_that_is_trained_for_use(done):
    program, _ = done
    words = (*program.search("--name", "used"), "--train-time", "12s")
    ran = program(*words)
    if ran.returncode == 3 and ("too noisy" in ran.stdout or "not verified" in ran.stdout):
        pytest.skip("this machine is too busy to measure, and nothing is promised then")
    assert ran.returncode == 0, ran.stderr
    assert "the winner is trained for use for 12 s" in ran.stdout
    assert "trained for use:" in ran.stdout
    assert "accuracy:" in ran.stdout
    best = program.folder / "runs" / "used" / "best"
    for name in ("genotype.yaml", "weights.safetensors", "card.json", "model.py", "model.onnx", "predict.py", "MODEL_CARD.md"):
        assert (best / name).stat().st_size > 0, name
    study = open_study(best.parent)
    assert study.delivered()["epochs"] > 1
    assert json.loads((best / "card.json").read_text())["met"]
    shown = program("predict", "runs/used", "pictures/dark/1.png", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)[0]["classes"][0]["name"] == "dark"
    weights = (best / "weights.safetensors").read_bytes()
    again = program(*words)
    assert again.returncode == 0, again.stderr
    assert "training" not in again.stderr
    assert (best / "weights.safetensors").read_bytes() == weights

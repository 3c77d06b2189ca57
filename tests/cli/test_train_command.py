"""`nasbench train` as its user types it: results, refusals in one line, and kills at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file

import nasbench as nb
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.training.recipes import recipe_names

ROOT = Path(nb.__file__).parent.parent
NETWORK = Genotype("small", (3, 16, 16), (conv(8, 3, stride=2), conv(8, 3)), head=(gap(), linear(3)))
RECIPE = "fields: {epochs: 6, batch_size: 8, lr: 0.05, calibration: 0, ema: 0.9, mixup: 0.2, augment: trivial, schedule: one-cycle}\n"
WORDS = ("train", "small.yaml", "--data", "./pictures", "--recipe", "mine.yaml", "--threads", "1")


@pytest.fixture
def ready(nasbench):
    """The program in a folder with a network, a recipe and images of three classes."""
    (nasbench.folder / "small.yaml").write_text(NETWORK.to_yaml())
    (nasbench.folder / "mine.yaml").write_text(RECIPE)
    return nasbench


def line_of(run) -> str:
    assert run.returncode == 2, run.stderr
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("nasbench: ")]
    assert "Traceback" not in run.stderr
    return line


def test_a_training_and_its_result_again(ready, call) -> None:
    run = call(*WORDS)
    assert run.returncode == 0, run.stderr
    assert "recipe mine.yaml, 6 epochs" in run.stdout
    assert "95 % interval" in run.stdout
    assert "6 epochs of" in run.stderr
    assert "[6/6] training loss" in run.stderr
    folder = ready.folder / "runs" / "train-small-pictures"
    assert (folder / "curve.png").exists()
    again = call(*WORDS)
    assert (again.returncode, again.stdout) == (0, run.stdout)
    assert "training loss" not in again.stderr
    as_json = json.loads(call(*WORDS, "--json").stdout)
    assert as_json.pop("path") == "runs/train-small-pictures"
    assert as_json == json.loads((folder / "summary.json").read_text())
    other = line_of(call(*WORDS, "--seed", "1"))
    assert "seed was 0 and is now 1" in other
    assert "--out" in other


@pytest.mark.slow
def test_a_training_on_ray_prints_what_one_without_prints(ready, call) -> None:
    here = call(*WORDS)
    ray = call(*WORDS[:-2], "--engine", "ray", "--out", "ray")
    assert ray.returncode == 0, ray.stderr
    assert ray.stdout.replace("wrote ray:", "wrote runs/train-small-pictures:") == here.stdout
    assert "[6/6] training loss" in ray.stderr
    local, other = (ready.folder / path for path in ("runs/train-small-pictures", "ray"))
    assert {file.name for file in other.iterdir()} == {file.name for file in local.iterdir()}
    digests = {json.loads((folder / "summary.json").read_text())["weights_sha256"] for folder in (local, other)}
    assert len(digests) == 1
    again = call(*WORDS, "--out", "ray")
    assert (again.returncode, again.stdout) == (0, ray.stdout), "the command without Ray reads the same folder"


def test_recipes_are_listed(call) -> None:
    run = call("train", "--recipes")
    assert run.returncode == 0
    assert all(name in run.stdout for name in recipe_names())
    listed = json.loads(call("train", "--recipes", "--json").stdout)
    assert [recipe["name"] for recipe in listed] == list(recipe_names())
    assert all(recipe["source"] and recipe["fields"]["epochs"] for recipe in listed)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("train",), "a network is needed"),
        (("train", "small.yaml", "--recipe", "quik"), "did you mean quick?"),
        (("train", "small.yaml", "--recipe", "none.yaml"), "cannot read none.yaml"),
        (("train", "small.yaml", "--time", "20min", "--epochs", "3"), "got 20min and 3; leave one out"),
        (("train", "small.yaml", "--time", "soon"), "soon"),
        (("train", "small.yaml", "--pretrained"), "takes torchvision's weights of a known network; small is not one"),
        (("train", "lenet5", "--pretrained"), "it has none of lenet5; give the weights of another library with --weights FILE"),
        (("train", "alexnet", "--pretrained", "--weights", "a.pth"), "got --weights, too; leave one of them out"),
        (("train", "small.yaml", "--like", "lenet5", "--slices"), "which --like names; add --weights FILE, or --pretrained"),
        (("train", "smal"), "smal"),
        (("train", "mbconv"), "is a search space"),
        (("train", "small.yaml", "--data", "./empty"), "empty"),
        (("train", "small.yaml", "--data", "./one"), "class"),
        (("train", "small.yaml", "--data", "./pictures", "--device", "cuda"), "torch sees none"),
        (("train", "small.yaml", "--data", "./pictures", "--processes", "0"), "--processes is a whole number from 1; got 0"),
        (("train", "small.yaml", "--data", "./pictures", "--processes", "40", "--out", "short"), "got --processes 40"),
        (("train", "small.yaml", "--engine", "rey"), "an engine is local or ray; got 'rey'; did you mean ray?"),
        (("train", "small.yaml", "--address", "auto"), "--address is Ray's; got 'auto' with --engine local"),
        (("train", "small.yaml", "--cpus-per-trial", "2"), "--cpus-per-trial is Ray's; got 2 with --engine local; add --engine ray"),
        (("train", "small.yaml", "--gpus-per-trial", "0.5"), "--gpus-per-trial is Ray's; got 0.5 with --engine local"),
        (("train", "small.yaml", "--engine", "ray", "--threads", "2"), "--cpus-per-trial says how many threads there are; got --threads 2"),
        (("train", "small.yaml", "--engine", "ray", "--cpus-per-trial", "0"), "--cpus-per-trial is a whole number"),
        (("train", "small.yaml", "--engine", "ray", "--processes", "2"), "a trial of Ray is one process; got --processes 2"),
        (("train", "small.yaml", "--engine", "ray", "--gpus-per-trial", "1"), "got --device cpu and --gpus-per-trial 1"),
        (("train", "small.yaml", "--engine", "ray", "--address", "localhost:1"), "localhost:1: "),
        (("train", "empty"), "a study is a directory with study.yaml"),
        (("train", "small.yaml", "--out", "pictures"), "holds dark; name another folder with --out"),
        (("train", "small.yaml", "--data", "./pictures", "--time", "0.001s", "--out", "short"), "at least one epoch"),
    ],
)
def test_a_mistake_is_one_line(ready, call, words, part, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (ready.folder / "empty").mkdir()
    shutil.copytree(ready.folder / "pictures" / "dark", ready.folder / "one" / "dark")
    assert part in line_of(call(*words))
    assert not (ready.folder / "short").exists(), "an empty folder is not left behind"


def test_a_study_gives_its_winner_or_says_what_to_do(ready, call) -> None:
    study = ready.folder / "study"
    shutil.copytree(ROOT / "studies" / "data" / "mbconv-20ms", study)
    (study / "best").mkdir(exist_ok=True)
    (study / "best" / "genotype.yaml").write_text(NETWORK.to_yaml())
    run = call("train", "study", *WORDS[2:], "--epochs", "1")
    assert run.returncode == 0, run.stderr
    assert "small at 3x16x16" in run.stdout
    (study / "best" / "genotype.yaml").unlink()
    line = line_of(call("train", "study", *WORDS[2:]))
    assert "a study's winner is trained; study has none; finish the study with `nasbench resume study`" in line


def weights(folder: Path) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in load_file(folder / "weights.safetensors").items()}


def kill_and_finish(program, moment, out: str) -> bool:
    """Kill the training when `moment` returns True, and let the same command end it; returns whether it was killed in time."""
    process = program.start(*WORDS, "--out", out)
    while process.poll() is None and not moment():
        time.sleep(0.005)
    process.kill()
    process.communicate()
    in_time = not (program.folder / out / "summary.json").exists()
    end = program(*WORDS, "--out", out)
    assert end.returncode == 0, end.stderr
    return in_time


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_bits(ready) -> None:
    assert ready(*WORDS, "--out", "whole").returncode == 0

    def after_two_epochs() -> bool:
        metrics = ready.folder / "killed" / "metrics.csv"
        return metrics.exists() and len(metrics.read_text().splitlines()) >= 3

    assert kill_and_finish(ready, after_two_epochs, "killed")
    assert weights(ready.folder / "killed") == weights(ready.folder / "whole")
    epochs = [line.split(",")[0] for line in (ready.folder / "killed" / "metrics.csv").read_text().splitlines()[1:]]
    assert epochs == ["1", "2", "3", "4", "5", "6"]


SLOWLY = """
import time
from nasbench.training import checkpoint
checkpoint.INTERVAL_S, save = 0.0, checkpoint.save_checkpoint
checkpoint.save_checkpoint = lambda path, state: (save(path, state), time.sleep(0.1))
from nasbench.cli import main
main()
"""  # the program with a checkpoint after each step


def test_a_training_that_is_killed_within_its_only_epoch_goes_on_there(ready, call) -> None:
    words = (*WORDS, "--epochs", "1")
    assert call(*words, "--out", "whole").returncode == 0
    process = subprocess.Popen([sys.executable, "-c", SLOWLY, *words, "--out", "killed"], cwd=ready.folder, env=ready.env)
    while process.poll() is None and not (ready.folder / "killed" / "checkpoint.bin").exists():
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    end = call(*words, "--out", "killed")
    assert "continuing within epoch 1 of 1, after" in end.stderr
    assert weights(ready.folder / "killed") == weights(ready.folder / "whole")
    rows = [(ready.folder / out / "metrics.csv").read_text().splitlines()[1:] for out in ("killed", "whole")]
    assert [row.rpartition(",")[0] for row in rows[0]] == [row.rpartition(",")[0] for row in rows[1]], "the same but for the seconds"
    assert not (ready.folder / "killed" / "checkpoint.bin").exists()


def started(program, out: str, epochs: int) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A training with two processes, when it has trained some epochs."""
    words = program.line(*WORDS, "--processes", "2", "--epochs", "1000", "--out", out)
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, cwd=program.folder, env=program.env, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    metrics = program.folder / out / "metrics.csv"
    while process.poll() is None and (not metrics.exists() or len(metrics.read_text().splitlines()) <= epochs):
        time.sleep(0.05)
    children = psutil.Process(process.pid).children()
    return process, [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def ends(process: subprocess.Popen[str], children: list[psutil.Process]) -> tuple[int, str]:
    """The exit code and the last line of a command with processes, of which none is left."""
    _, text = process.communicate(timeout=60)
    assert len(children) == 2
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if line.startswith("nasbench: ")]
    assert len(lines) <= 1
    return process.returncode, "".join(lines)


@pytest.mark.slow
def test_several_processes_end_together(ready) -> None:
    process, children = started(ready, "two", 2)
    children[0].kill()
    code, line = ends(process, children)
    assert code == 2
    assert "2 processes train the network together; process 1 was killed by SIGKILL" in line
    process, children = started(ready, "two", 4)
    process.kill()
    assert ends(process, children) == (-signal.SIGKILL, "")
    process, children = started(ready, "two", 6)
    os.killpg(process.pid, signal.SIGINT)  # as ^C in a terminal
    code, line = ends(process, children)
    assert code == 130
    assert "interrupted; two keeps what was trained until the last checkpoint" in line


@pytest.mark.slow
def test_kills_at_random_moments(ready) -> None:
    begin = time.monotonic()
    assert ready(*WORDS, "--out", "whole").returncode == 0
    whole_s = time.monotonic() - begin
    draw = random.Random(16)
    in_time = []
    for number in range(10):
        end = time.monotonic() + draw.uniform(0.2, 1.0) * whole_s
        in_time.append(kill_and_finish(ready, lambda end=end: time.monotonic() > end, f"killed-{number}"))
        assert weights(ready.folder / f"killed-{number}") == weights(ready.folder / "whole")
    assert sum(in_time) >= 5

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import pickle
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pictures import make_folder
from safetensors import safe_open
from safetensors.torch import load_file

from nasbench.engines.local.engine import LocalEngine
from nasbench.errors import DataError, NasbenchError
from nasbench.evaluate import train_task as module
from nasbench.evaluate.train_task import TrainTask, evaluate_training
from nasbench.files import write_atomic
from nasbench.genotype import BLOCK_TYPES, Genotype, adapt
from nasbench.network import build
from nasbench.plugins import Plugin, read_plugin
from nasbench.training import evaluate, load_images, split, train
from nasbench.training.batches import Statistics
from nasbench.training.preprocess import Preprocess
from nasbench.training.recipe import Recipe

NET = """
name: small
input: [3, 224, 224]
stem: [{op: conv, width: 8, kernel: 3, stride: 2}]
stages: [[{op: separable, width: 16, stride: 2}]]
head: [{op: gap}, {op: dropout, p: 0.1}, {op: linear, width: 1000}]
"""
RECIPE = {"epochs": 2, "images": 1600, "batch_size": 50, "train_size": 16, "calibration": 100, "lr": 0.3, "crop_padding": 0}


@pytest.fixture(autouse=True)
def same_threads_afterwards() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def task(folder: Path, **changes: Any) -> TrainTask:
    folder.mkdir(exist_ok=True)
    return TrainTask(**{"genotype": NET, "directory": str(folder), "recipe": RECIPE} | changes)


def test_a_trial_leaves_its_record_its_history_and_its_weights(tmp_path: Path) -> None:
    record = evaluate_training(task(tmp_path, save_weights=True, test=True))
    assert record == json.loads((tmp_path / "result.json").read_text())
    assert record["status"] == "ok"
    assert 0.3 < record["accuracy"] < 1  # chance is 0.1
    assert 0.3 < record["test_accuracy"] < 1
    assert record["input"] == [3, 16, 16]
    assert len(record["classes"]) == 10
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[-1]["accuracy"] == record["accuracy"]
    assert {p.name for p in tmp_path.iterdir()} == {"result.json", "metrics.jsonl", "weights.safetensors"}


def test_a_wait_for_a_measurement_is_recorded_and_is_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 160.0])
    with monkeypatch.context() as patch:
        patch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        record = evaluate_training(task(tmp_path / "waits"))
    assert record["waited_s"] == 60.0
    assert record["seconds"] < 60.0
    assert "waited_s" not in evaluate_training(task(tmp_path / "does not"))


def test_the_saved_weights_say_what_they_read_and_answer(tmp_path: Path) -> None:
    record = evaluate_training(task(tmp_path, save_weights=True))
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        preprocess = Preprocess.from_metadata(file.metadata())
    assert preprocess is not None
    assert (preprocess.input, preprocess.decoded_size) == ((3, 16, 16), None)
    assert list(preprocess.classes) == list(load_images("embedded").classes)
    assert (list(preprocess.mean), list(preprocess.std)) == (record["mean"], record["std"])


def test_the_saved_weights_are_those_that_were_judged(tmp_path: Path) -> None:
    record = evaluate_training(task(tmp_path, save_weights=True))
    images = load_images("embedded")
    net = build(adapt(Genotype.from_yaml(NET), input=(3, 16, 16), classes=10))
    net.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    accuracy = evaluate(
        net.to(memory_format=torch.channels_last),
        split(images.train, 0.2, seed=0)[1],
        Recipe.from_dict(RECIPE),
        shape=(3, 16, 16),
        statistics=Statistics(tuple(record["mean"]), tuple(record["std"])),
    )
    assert accuracy == record["accuracy"]


def test_the_test_images_are_left_alone_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = load_images("embedded")
    monkeypatch.setattr(module, "load_images", lambda *_, **__: dataclasses.replace(images, test=None))
    record = evaluate_training(task(tmp_path))
    assert record["status"] == "ok"
    assert "test_accuracy" not in record


def test_the_seed_decides_and_the_process_does_not(tmp_path: Path) -> None:
    here = evaluate_training(task(tmp_path / "a"))
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        there = pool.apply(evaluate_training, (task(tmp_path / "b"),))
    assert there["weights_sha256"] == here["weights_sha256"]
    assert there["accuracy"] == here["accuracy"]
    assert evaluate_training(task(tmp_path / "c", seed=1))["weights_sha256"] != here["weights_sha256"]
    assert evaluate_training(task(tmp_path / "d", split_seed=1))["weights_sha256"] != here["weights_sha256"]
    assert evaluate_training(task(tmp_path / "f", fold=1))["weights_sha256"] != here["weights_sha256"]


def test_a_trial_killed_between_epochs_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate_training(task(tmp_path / "whole"))

    def killed(path: Path, content: str | bytes) -> None:
        write_atomic(path, content)
        if path.name == "metrics.jsonl":
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate_training(task(tmp_path / "cut"))
    monkeypatch.setattr(module, "write_atomic", write_atomic)
    assert not (tmp_path / "cut" / "result.json").exists()
    again = evaluate_training(task(tmp_path / "cut"))
    assert again["weights_sha256"] == whole["weights_sha256"]
    assert again["accuracy"] == whole["accuracy"]
    assert len((tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()) == 2
    assert not (tmp_path / "cut" / "checkpoint.bin").exists()


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("hurt", [lambda _: None, lambda path: path.unlink(), damaged], ids=["whole", "lost", "damaged"])
@pytest.mark.filterwarnings("ignore:checkpoint .* is ignored:RuntimeWarning")
def test_a_promoted_trial_ends_with_the_bits_of_one_trained_at_once(tmp_path: Path, hurt: Any) -> None:
    recipe = RECIPE | {"epochs": 3, "images": 400}
    whole = evaluate_training(task(tmp_path / "whole", recipe=recipe))
    rung = evaluate_training(task(tmp_path / "rungs", recipe=recipe, until=1))
    assert (rung["status"], rung["epochs"]) == ("ok", 1)
    assert 0 < rung["accuracy"] < 1
    assert {p.name for p in (tmp_path / "rungs").iterdir()} == {"checkpoint.bin", "metrics.jsonl"}
    assert evaluate_training(task(tmp_path / "rungs", recipe=recipe, until=1)) == rung, "a driver that died before it was told asks again"
    hurt(tmp_path / "rungs" / "checkpoint.bin")
    second = evaluate_training(task(tmp_path / "rungs", recipe=recipe, until=2))
    assert second["epochs"] == 2
    last = evaluate_training(task(tmp_path / "rungs", recipe=recipe, until=3))
    assert last["weights_sha256"] == whole["weights_sha256"]
    assert (last["accuracy"], last["loss"], last["task"]) == (whole["accuracy"], whole["loss"], whole["task"])
    assert {p.name for p in (tmp_path / "rungs").iterdir()} == {"result.json", "metrics.jsonl"}


def test_a_loss_that_is_lost_before_a_rung_ends_the_trial(tmp_path: Path) -> None:
    recipe = RECIPE | {"lr": 10.0, "momentum": 0.9999, "weight_decay": 1.0, "epochs": 60, "warmup": 0}
    record = evaluate_training(task(tmp_path, recipe=recipe, until=50))
    assert record["status"] == "diverged"
    assert record == json.loads((tmp_path / "result.json").read_text())
    assert not (tmp_path / "checkpoint.bin").exists()
    assert evaluate_training(task(tmp_path, recipe=recipe, until=60)) == record


def test_a_finished_trial_is_read_back_and_another_task_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = evaluate_training(task(tmp_path))
    monkeypatch.setattr(module, "load_images", None)  # would raise
    assert evaluate_training(task(tmp_path)) == record
    with pytest.raises(TypeError):
        evaluate_training(task(tmp_path, seed=1))
    (tmp_path / "result.json").write_text('{"status": "ok"')
    with pytest.raises(TypeError):
        evaluate_training(task(tmp_path))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_out_of_memory_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(module, "train", fail)
    record = evaluate_training(task(tmp_path))
    assert record == json.loads((tmp_path / "result.json").read_text())
    assert record["status"] == "infeasible"
    assert record["reason"].startswith("out of memory while training at batch size 50: ")
    assert ", and at batch size 25: " in record["reason"]
    assert "\n" not in record["reason"]
    assert record["accuracy"] is None


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Memory for batches of at most 25 images; the list has the batch size of each attempt."""
    attempts: list[int] = []

    def limited(net: Any, training: Any, validation: Any, recipe: Recipe, **more: Any) -> Any:
        attempts.append(recipe.batch_size)
        if recipe.batch_size > 25:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return train(net, training, validation, recipe, **more)

    monkeypatch.setattr(module, "train", limited)
    return attempts


def test_where_memory_runs_out_half_the_batch_is_tried(tmp_path: Path, little_memory: list[int]) -> None:
    record = evaluate_training(task(tmp_path / "retried"))
    assert little_memory == [50, 25]
    assert (record["status"], record["batch_size"]) == ("ok", 25)
    assert record["out_of_memory"] == "at batch size 50: CUDA out of memory. Tried to allocate 2.00 GiB."
    alone = evaluate_training(task(tmp_path / "alone", recipe=RECIPE | {"batch_size": 25}))
    assert record["weights_sha256"] == alone["weights_sha256"], "it is the training that the smaller batch gives"
    assert "batch_size" not in alone
    assert "out_of_memory" not in alone


def test_rungs_go_on_with_the_batch_that_fits(tmp_path: Path, little_memory: list[int]) -> None:
    whole = evaluate_training(task(tmp_path / "whole"))
    first = evaluate_training(task(tmp_path / "rungs", until=1))
    assert (first["epochs"], first["batch_size"]) == (1, 25)
    last = evaluate_training(task(tmp_path / "rungs"))
    assert little_memory == [50, 25] * 3
    assert last["weights_sha256"] == whole["weights_sha256"]


def test_after_a_kill_it_begins_with_half_the_batch(tmp_path: Path) -> None:
    record = evaluate_training(task(tmp_path / "killed", half_batch=True))
    assert (record["batch_size"], record["out_of_memory"]) == (25, "the process was killed")
    assert task(tmp_path / "killed").identity() != task(tmp_path / "killed", half_batch=True).identity()


def test_a_batch_larger_than_the_data_is_halved_from_the_data(tmp_path: Path, little_memory: list[int]) -> None:
    evaluate_training(task(tmp_path, recipe=RECIPE | {"batch_size": 512, "images": 60}))
    assert little_memory == [512, 30]


def test_another_runtime_error_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(module, "train", fail)
    with pytest.raises(RuntimeError, match="ours"):
        evaluate_training(task(tmp_path))
    assert not (tmp_path / "result.json").exists()


def test_a_real_allocation_that_fails_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "train", lambda *_, **__: torch.empty(2**60, dtype=torch.uint8))
    assert evaluate_training(task(tmp_path))["status"] == "infeasible"


def test_shapes_that_do_not_meet_at_the_training_size_are_a_result(tmp_path: Path) -> None:
    deep = NET.replace("stages: [[", "stages: [[" + "{op: pool, kernel: 5, stride: 2, padding: 0}, " * 3)
    record = evaluate_training(task(tmp_path, genotype=deep))
    assert record["status"] == "infeasible"
    assert "cannot be built for training" in record["reason"]


def test_divergence_is_a_result_that_json_can_hold(tmp_path: Path) -> None:
    record = evaluate_training(
        task(tmp_path, recipe=RECIPE | {"lr": 10.0, "momentum": 0.9999, "weight_decay": 1.0, "epochs": 60, "warmup": 0})
    )
    assert record["status"] == "diverged"
    assert "loss became" in record["reason"]
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)  # no NaN, no Infinity
    assert record["accuracy"] is None


def test_errors_of_the_whole_study_are_raised(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        evaluate_training(task(tmp_path, data="/no/such/folder"))
    with pytest.raises(NasbenchError, match="no field 'epoch'"):
        evaluate_training(task(tmp_path, recipe={"epoch": 1}))
    with pytest.raises(NasbenchError, match="cannot write"):
        evaluate_training(TrainTask(genotype=NET, directory=str(tmp_path / "none"), recipe=RECIPE | {"epochs": 1}))


def test_a_folder_of_colour_images_decides_the_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    folder = make_folder(tmp_path / "data", 20, 20, 20)
    record = evaluate_training(task(tmp_path / "trial", data=str(folder), recipe=RECIPE | {"images": None, "batch_size": 8}))
    assert record["status"] == "ok"
    assert record["classes"] == ["c0", "c1", "c2"]
    assert len(record["mean"]) == 3


def test_a_task_travels_and_the_threads_are_set(tmp_path: Path) -> None:
    sent = task(tmp_path, threads=1)
    assert pickle.loads(pickle.dumps(sent)) == sent
    torch.set_num_threads(2)
    evaluate_training(sent)
    assert torch.get_num_threads() == 1


def test_a_trial_loads_the_users_own_words_first(tmp_path: Path) -> None:
    """It runs in a process that has not; only the text travels, so the file may be gone."""
    file = tmp_path / "mine.py"
    file.write_text("from nasbench.genotype import block\n\n\n@block\ndef same(t, x):\n    return x\n")
    plugin = read_plugin(file)
    file.unlink()
    net = NET.replace("head: [", "head: [{op: same}, ")
    short = {**RECIPE, "images": 100, "epochs": 1}
    with LocalEngine() as engine:
        engine.submit("with", evaluate_training, task(tmp_path / "with", genotype=net, recipe=short, plugins=(plugin,)))
        (with_it,) = engine.wait()
        engine.submit("without", evaluate_training, task(tmp_path / "without", genotype=net, recipe=short))
        (without,) = engine.wait()
    assert with_it.result["status"] == "ok"
    assert without.result["status"] == "infeasible"
    assert "there is no block 'same'" in without.result["reason"]
    assert "same" not in BLOCK_TYPES


def test_another_text_of_a_plugin_makes_another_task() -> None:
    """The path of a plugin does not matter, and results without plugins stay valid."""
    task = {"genotype": "", "directory": "", "recipe": Recipe().to_dict()}
    without, here, there, changed = (
        TrainTask(**task, plugins=plugins).identity()
        for plugins in ((), (Plugin("a.py", "1", "m"),), (Plugin("b.py", "1", "m"),), (Plugin("a.py", "2", "m"),))
    )
    assert without == TrainTask(**task).identity()
    assert here == there
    assert len({without, here, changed}) == 3


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("[{op: conv, width: 10}, {op: gap}]", "ok"),
        (
            "[{op: gap}, {op: branches, join: add, paths: [[{op: linear, width: 7}], [{op: linear, width: 7}]]}, {op: multiply, by: 0.5}]",
            "ok",
        ),
        ("[{op: conv, width: 10}]", "n: a classifier ends in one number for each class; this network ends in a map of 10x8x8"),
        ("[]", "n: a classifier ends in one number for each class; this network ends in a map of 8x8x8"),
    ],
)
def test_heads_of_every_form_are_trained_or_refused_in_a_line(tmp_path: Path, head: str, status: str) -> None:
    """Where the network ends in a map of one pixel it is flattened; a larger map has no classes."""
    genotype = f"{{name: n, input: [3, 16, 16], stem: [{{op: conv, width: 8, kernel: 3, stride: 2}}], head: {head}}}"
    record = evaluate_training(task(tmp_path, genotype=genotype, recipe={**RECIPE, "epochs": 1, "images": 200}))
    if status == "ok":
        assert record["status"] == "ok"
        assert record["accuracy"] is not None
    else:
        assert record["status"] == "infeasible"
        assert status in record["reason"]

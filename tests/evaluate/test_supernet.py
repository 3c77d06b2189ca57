"""The evaluator `supernet`: one training for all trials; the final round trains alone; what is stored is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from listens import Listens

import nasbench as nb
from nasbench.errors import NasbenchError, StudyError
from nasbench.evaluate.base import EvaluationContext, Evaluator, Fidelity
from nasbench.evaluate.make import make_evaluator
from nasbench.evaluate.measure import ACCURACY, SUPERNET_ACCURACY
from nasbench.evaluate.preparation import Preparation
from nasbench.evaluate.supernet import FOLDER, SupernetEvaluator
from nasbench.genotype import Genotype
from nasbench.supernet.stored import load_supernet

CONTEXT = EvaluationContext(space="tiny", recipe={"epochs": 1, "images": 128, "train_size": 24})
OPTIONS = {"supernet_steps": 3, "networks": 6, "batch": 8, "validation": 50, "calibration": 64}


def draw(count: int) -> list[Genotype]:
    return [nb.adapt(nb.space("tiny").sample(seed), classes=10) for seed in range(count)]


def preparation(path: Path, networks: Callable[[int], list[Genotype]] = draw) -> Preparation:
    return Preparation(path, lambda *_: [], Listens(), networks, None, 1)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluator, Path]:
    path = tmp_path_factory.mktemp("study")
    return make_evaluator("supernet", CONTEXT, OPTIONS).prepare_study(preparation(path)), path


def test_a_trial_is_a_score_and_a_final_one_is_a_training(prepared: tuple[Evaluator, Path], tmp_path: Path) -> None:
    evaluator, _ = prepared
    g = draw(9)[-1]  # it did not learn
    first, second = (evaluator.evaluate(g, Fidelity(), seed, tmp_path) for seed in (0, 1))
    assert (first.status, first.measure) == ("ok", SUPERNET_ACCURACY)
    assert 0 <= (first.accuracy or 0.0) <= 1
    assert (first.accuracy, first.details["loss"]) == (second.accuracy, second.details["loss"])  # no seed plays a part
    assert not list(tmp_path.iterdir())
    alone = evaluator.evaluate(g, Fidelity(final=True), 0, tmp_path)
    assert (alone.status, alone.measure) == ("ok", ACCURACY)
    assert (tmp_path / alone.artefacts["weights"]).exists()
    assert "test_accuracy" in alone.details


def test_a_prepared_study_is_not_prepared_again(prepared: tuple[Evaluator, Path]) -> None:
    evaluator, path = prepared
    files = {file.name: file.read_bytes() for file in (path / FOLDER).iterdir()}
    assert {"weights.safetensors", "images.safetensors", "summary.json", "plan.json"} == files.keys()

    def none(count: int) -> list[Genotype]:
        raise AssertionError("networks are drawn for a training only")

    again = make_evaluator("supernet", CONTEXT, OPTIONS).prepare_study(preparation(path, none))
    assert again.prepared_s == evaluator.prepared_s > 0
    assert {file.name: file.read_bytes() for file in (path / FOLDER).iterdir()} == files


def test_another_plan_or_a_damaged_file_is_refused(tmp_path: Path) -> None:
    make_evaluator("supernet", CONTEXT, OPTIONS).prepare_study(preparation(tmp_path))
    with pytest.raises(StudyError, match="holds another supernet, or is damaged; delete it, or choose another --name"):
        make_evaluator("supernet", CONTEXT, OPTIONS | {"supernet_steps": 4}).prepare_study(preparation(tmp_path))
    for name in ("weights.safetensors", "images.safetensors", "summary.json"):
        file = tmp_path / FOLDER / name
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        load_supernet.cache_clear()
        with pytest.raises(StudyError, match=r"it cannot be read \(.*\); delete the folder and give the search's command again"):
            load_supernet(tmp_path / FOLDER)
        file.write_bytes(content)
    load_supernet(tmp_path / FOLDER)


def test_the_same_study_trains_the_same_supernet(prepared: tuple[Evaluator, Path], tmp_path: Path) -> None:
    _, path = prepared
    make_evaluator("supernet", CONTEXT, OPTIONS).prepare_study(preparation(tmp_path))
    name = f"{FOLDER}/weights.safetensors"
    assert (tmp_path / name).read_bytes() == (path / name).read_bytes()
    other = make_evaluator("supernet", CONTEXT, OPTIONS | {"rate": 0.01})
    (tmp_path / "other").mkdir()
    other.prepare_study(preparation(tmp_path / "other"))
    assert (tmp_path / "other" / name).read_bytes() != (path / name).read_bytes()


def test_without_networks_there_is_no_supernet(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="a supernet is trained with networks within the limits; 1 were found; loosen the limits"):
        make_evaluator("supernet", CONTEXT, OPTIONS).prepare_study(preparation(tmp_path, lambda count: draw(1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"networks": 0}, "the supernet's networks is a whole number from 1; got 0"),
        ({"supernet_steps": 1.5}, "the supernet's steps is a whole number from 1; got 1.5"),
        ({"networkz": 5}, "the evaluator supernet has no option 'networkz'; .*did you mean networks"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        make_evaluator("supernet", CONTEXT, options)


def test_an_unprepared_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(NasbenchError, match="call prepare_study first"):
        make_evaluator("supernet", CONTEXT, OPTIONS).evaluate(draw(1)[0], Fidelity(), 0, tmp_path)


def test_a_network_that_cannot_be_built_at_this_size_is_infeasible(prepared: tuple[Evaluator, Path], tmp_path: Path) -> None:
    evaluator, _ = prepared
    g = Genotype.from_yaml(
        "name: deep\ninput: [3, 32, 32]\nstages: [[{op: conv, width: 8, kernel: 5, padding: 0, repeat: 4}]]\n"
        "head: [{op: gap}, {op: linear, width: 10}]\n"
    )
    small = Genotype.from_yaml(g.to_yaml().replace("[3, 32, 32]", "[3, 16, 16]"))
    assert evaluator.evaluate(g, Fidelity(), 0, tmp_path).status == "ok"
    result = evaluator.evaluate(small, Fidelity(), 0, tmp_path)
    assert result.status == "infeasible"
    assert "cannot be built to be scored" in str(result.reason)


def test_the_expected_seconds_are_those_of_a_training_alone() -> None:
    evaluator = make_evaluator("supernet", CONTEXT, {})
    assert isinstance(evaluator, SupernetEvaluator)
    assert evaluator.trains_finalists
    # 1,512 images are passed through without gradients, which is a third of the work; a training sees 128.
    assert evaluator.seconds_of_trial(1.0) == pytest.approx(0.3 + 1512 / (3 * 128))


def test_networks_too_deep_for_the_resolution_do_not_learn_and_do_not_matter(tmp_path: Path) -> None:
    deep = Genotype.from_yaml(
        "name: deep\ninput: [3, 16, 16]\nstages: [[{op: conv, width: 8, kernel: 5, padding: 0, repeat: 4}]]\n"
        "head: [{op: gap}, {op: linear, width: 10}]\n"
    )
    evaluator = make_evaluator("supernet", CONTEXT, OPTIONS)
    evaluator.prepare_study(preparation(tmp_path, lambda count: [deep, *draw(4), deep]))
    assert evaluator.evaluate(draw(1)[0], Fidelity(), 0, tmp_path).status == "ok"
    assert evaluator.evaluate(deep, Fidelity(), 0, tmp_path).status == "infeasible"
    (tmp_path / "other").mkdir()
    with pytest.raises(StudyError, match="0 of 3 can at 24 pixels; give a --recipe with a larger train_size"):
        make_evaluator("supernet", CONTEXT, OPTIONS).prepare_study(preparation(tmp_path / "other", lambda count: [deep] * 6))

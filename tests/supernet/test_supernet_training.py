"""The training of shared tensors: the same bits after any stop and with any number of processes; it learns, and says when it does not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from group_work import train_supernet
from listens import Listens
from small_supernet import RECIPE, networks, pixels_for, training

from nasbench.errors import IgnoredFileWarning, NasbenchError
from nasbench.supernet.pixels import Pixels
from nasbench.supernet.plan import SupernetPlan
from nasbench.supernet.scoring import score_subnet
from nasbench.supernet.training import SupernetTraining
from nasbench.training import checkpoint as checkpoints
from nasbench.training import load_images
from nasbench.training.delivery.processes import run_in_processes
from nasbench.training.images import subset


def bits(state: SupernetTraining) -> dict[str, torch.Tensor]:
    return state.shared.tensors


def same(a: SupernetTraining, b: SupernetTraining) -> bool:
    return bits(a).keys() == bits(b).keys() and all(torch.equal(bits(a)[key], bits(b)[key]) for key in bits(a))


@pytest.mark.parametrize("fields", [{}, {"sampling": "sandwich", "distillation": 0.5}, {"context": ("activation",)}])
def test_stops_at_random_steps_change_no_bit(fields: dict[str, object], tmp_path: Path) -> None:
    pool = networks("tiny", 5)
    whole = training(pool, **fields)
    whole.run()
    rng = random.Random(0)
    file, at = tmp_path / "checkpoint.bin", 0
    for _ in range(10):
        at = min(12, at + rng.randint(0, 2))
        part = training(pool, **fields)
        part.run(file, until=at)
        assert part.step == at
    last = training(pool, **fields)
    last.run(file)
    assert same(last, whole)
    other = training(pool, **fields, seed=1)
    with pytest.warns(IgnoredFileWarning, match="another recipe, seed, network or data"):
        other.run(file, until=1)
    assert not same(other, whole)


@pytest.mark.parametrize("fields", [{}, {"sampling": "sandwich", "distillation": 0.5}])
def test_two_processes_give_the_bits_of_one(fields: dict[str, object]) -> None:
    alone = training(networks("tiny", 4), **fields)
    alone.run()
    together = run_in_processes(2, "cpu", train_supernet, fields, Listens())
    assert together == {key: tensor.flatten().tolist() for key, tensor in bits(alone).items()}


def test_it_learns_and_ranks_better_than_chance() -> None:
    """Networks that never learned themselves are far above chance; without the training they are not."""
    pool, others = networks("tiny", 16), networks("tiny", 3, first=100)
    images = pixels_for(pool, 2048)
    validation = Pixels.of(subset(load_images("embedded").test, 500, seed=0), (3, *images.pixels.shape[2:]), images.statistics)
    state = SupernetTraining(pool, images, RECIPE, SupernetPlan(steps=150, batch_size=32), torch.device("cpu"))
    before = [score_subnet(state.shared, g, images, validation, RECIPE).accuracy for g in others]
    state.run()
    scores = [score_subnet(state.shared, g, images, validation, RECIPE) for g in others]
    assert max(before) < 0.3
    assert min(s.accuracy for s in scores) > 0.4
    assert all(s.loss < 2.0 for s in scores)
    wrong = score_subnet(state.shared, others[0], images, validation, RECIPE, calibration=0)
    assert wrong.accuracy < scores[0].accuracy  # with the initial statistics of its norms


def test_a_score_is_repeatable_and_does_not_train() -> None:
    pool = networks("tiny", 3)
    state = training(pool)
    state.run()
    before = {key: tensor.clone() for key, tensor in bits(state).items()}
    first, second = (score_subnet(state.shared, pool[0], state.images, state.images, RECIPE) for _ in range(2))
    assert first == second
    assert all(torch.equal(bits(state)[key], value) for key, value in before.items())


def test_a_loss_that_overflows_ends_with_one_line() -> None:
    with pytest.raises(NasbenchError, match=r"the loss of the supernet became (nan|inf) at step .*; give a smaller"):
        training(networks("tiny", 3), steps=64, lr=10.0, clip=0.0, warmup=0.0, weight_decay=1.0).run()


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, file = networks("tiny", 3), tmp_path / "checkpoint.bin"
    training(pool).run(file, until=4)
    stored = file.read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise NasbenchError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(checkpoints, "write_atomic", full)
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.0)
    with pytest.raises(NasbenchError, match="No space left"):
        training(pool).run(file)
    monkeypatch.undo()
    assert file.read_bytes() == stored
    last, whole = training(pool), training(pool)
    last.run(file)
    whole.run()
    assert same(last, whole)


def test_an_empty_pool_is_refused() -> None:
    images = pixels_for(networks("tiny", 1))
    with pytest.raises(NasbenchError, match="the pool has none"):
        SupernetTraining([], images, RECIPE, SupernetPlan(steps=1), torch.device("cpu"))


def test_the_time_for_compiling_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = networks("tiny", 6)
    assert training(pool).steps_in(5.0, 0.1) >= 1
    seconds = iter([9.0, 9.0, 2.0, 1.0, 2.0, 1.0] * 3)  # the first pair also allocates memory
    monkeypatch.setattr(SupernetTraining, "_timed", lambda self, networks: next(seconds))
    # Three pairs of networks take 2 s the first time: 6 s; afterwards a step takes 1 s.
    assert training(pool).steps_in(4.0, 0.0) == 2
    assert training(pool).steps_in(6.0, 0.0) == 3
    assert training(pool).steps_in(16.0, 0.0) == 13

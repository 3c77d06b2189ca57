"""Training steps through torch.compile: losses, names and checkpoints are those of a training without, and faults are one line."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
import torch
from nets import SHAPE, STEADY, Killed, bits, fit, quarters
from torch import nn

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import auxiliary, conv, gap, linear
from nasbench.network import build
from nasbench.training import checkpoint as checkpoints
from nasbench.training.delivery.plan import Pace, TrainPlan, measure_pace, plan_training
from nasbench.training.loop import Training
from nasbench.training.recipe import Recipe
from nasbench.training.result import TrainResult

PLAIN = dataclasses.replace(STEADY, epochs=2, calibration=0, ema=0.9, flip=True)
COMPILED = dataclasses.replace(PLAIN, compile=True)
TOLERANCE = 1e-4  # of losses, relative: a compiled program adds in another order


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The networks of which programs were asked for."""
    asked: list[nn.Module] = []
    real = torch.compile

    def compile_(net: nn.Module, **options: object) -> nn.Module:
        asked.append(net)
        return real(net, **options)

    monkeypatch.setattr(torch, "compile", compile_)
    torch._dynamo.reset()  # programs of other tests do not count
    return asked


def network() -> nn.Module:
    """A network with batch norms and an auxiliary head, without dropout, which draws other numbers in a program."""
    torch.manual_seed(0)
    side = auxiliary((gap(2), linear(4)), weight=0.25)
    return build(Genotype("n", SHAPE, (conv(8, 3), side, conv(8, 3)), head=(gap(2), linear(4))))


def losses(result: TrainResult) -> list[float]:
    return [loss for epoch in result.history for loss in (epoch.train_loss, epoch.loss or 0.0)]


def compiled_graphs() -> int:
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def test_losses_and_names_are_those_without(programs) -> None:
    plain, program = network(), network()
    expected = fit(plain, PLAIN)
    assert not programs, "the control: nothing is compiled by default"
    before = compiled_graphs()
    result = fit(program, COMPILED)
    assert programs == [program]
    assert compiled_graphs() - before == 1, "the steps ran in one program; validations ran without"
    assert losses(result) == pytest.approx(losses(expected), rel=TOLERANCE)
    assert losses(result) != pytest.approx(losses(fit(network(), dataclasses.replace(PLAIN, lr=0.11))), rel=TOLERANCE), "the control"
    assert list(program.state_dict()) == list(plain.state_dict())
    for name, value in plain.state_dict().items():
        assert torch.allclose(program.state_dict()[name].float(), value.float(), atol=2e-3), name


@pytest.mark.parametrize("change", [{}, {"first_size": 8, "train_size": 16, "size_stages": 2}], ids=["one size", "two sizes"])
def test_a_kill_within_an_epoch_changes_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict) -> None:
    recipe = dataclasses.replace(COMPILED, **change)
    shape = (3, recipe.train_size, recipe.train_size)
    whole = network()
    expected = fit(whole, recipe, shape=shape)
    monkeypatch.setattr(checkpoints, "INTERVAL_S", 0.0)
    real, left = Training._step, iter(range(13, -1, -1))  # an epoch has 11 steps

    def step(training: Training, index: torch.Tensor) -> torch.Tensor:
        if next(left, 1) == 0:
            raise Killed
        return real(training, index)

    monkeypatch.setattr(Training, "_step", step)
    with pytest.raises(Killed):
        fit(network(), recipe, shape=shape, checkpoint=tmp_path / "c.bin")
    starts: list[tuple[int, int]] = []
    torch._dynamo.reset()  # as in a new process
    resumed = network()
    result = fit(resumed, recipe, shape=shape, checkpoint=tmp_path / "c.bin", on_start=lambda *done: starts.append(done))
    assert starts == [(1, 2)]
    assert bits(resumed) == bits(whole)
    assert losses(result) == losses(expected)
    state = torch.load(io.BytesIO((tmp_path / "c.bin").read_bytes()[len(checkpoints.MARK) + 32 :]), weights_only=True)
    assert list(state["net"]) == list(whole.state_dict())


@pytest.mark.parametrize("when", ["asked", "first step"])
def test_no_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """By the words of torch itself: a compiler that does not exist, and a Python that torch does not know."""
    from torch._inductor import config

    if when == "asked":

        def refuse(*_: object, **__: object) -> None:
            raise RuntimeError("torch.compile is not supported on Python 3.99+")

        monkeypatch.setattr(torch, "compile", refuse)
        reason = r"torch.compile is not supported on Python 3.99\+"
    else:
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # programs of earlier tests are not found
        reason = "InvalidCxxCompiler: No working C.. compiler found.*no-such-compiler"
    wanted = rf"compile: true, which needs a C\+\+ compiler.*{reason}.*set compile: false"
    with config.patch({"cpp.cxx": ("no-such-compiler",)}), pytest.raises(NasbenchError, match=wanted) as caught:
        fit(network(), COMPILED)
    assert "\n" not in str(caught.value)


def test_other_errors_of_a_step_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("nasbench.training.loop.all_logits", out_of_memory)
    with pytest.raises(torch.OutOfMemoryError):
        fit(network(), PLAIN)


def test_the_time_to_compile_is_in_the_plan() -> None:
    """57 s - 0.3 s for the test and 5 s spent are 51.7 s: 43 epochs of 1.2 s, and 35 where 9 s of them go to the compiler."""
    recipe = Recipe(batch_size=100, images=None)
    plans = [plan_training(recipe, Pace(0.1, 0.001, compile_s), (1000, 200, 300), 32, 60, 5) for compile_s in (0.0, 9.0)]
    assert [plan.epochs for plan in plans] == [43, 35]
    assert plans[1].seconds == pytest.approx(9 + 35 * 1.2 + 0.3)
    assert "compile_s" not in plans[0].to_json()
    assert TrainPlan(**plans[1].to_json()) == plans[1]


def test_the_time_to_compile_is_measured() -> None:
    cpu = torch.device("cpu")
    assert measure_pace(network(), quarters(), PLAIN, SHAPE, cpu, 0.2).compile_s == 0
    assert measure_pace(network(), quarters(), COMPILED, SHAPE, cpu, 0.2).compile_s > 0


def test_more_sizes_than_torch_keeps_programs_are_refused() -> None:
    sizes = {"first_size": 16, "train_size": 32}
    with pytest.raises(NasbenchError, match="of which torch keeps 8; got size_stages 9; give at most 8"):
        Recipe(compile=True, size_stages=9, **sizes)
    Recipe(compile=True, size_stages=8, **sizes)
    Recipe(compile=True, size_stages=9)
    Recipe(size_stages=9, **sizes)

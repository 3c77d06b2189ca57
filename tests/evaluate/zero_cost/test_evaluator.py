"""The evaluator `zero-cost`: what its scores are of, what decides them, its failures, and a whole search with one."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from paper_search import Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError
from nasbench.evaluate import EvaluationContext, Fidelity, make_evaluator
from nasbench.evaluate.zero_cost import PROXIES
from nasbench.evaluate.zero_cost.gradients import grad_norm, synflow
from nasbench.evaluate.zero_cost.score import draw_scores
from nasbench.genotype import Genotype, adapt, cost
from nasbench.genotype.blocks import conv, edge_cell, gap, linear
from nasbench.network import build
from nasbench.search.limits import Limits
from nasbench.spaces import load_space
from nasbench.training import PROXY, load_images
from nasbench.zoo import known

CONTEXT = EvaluationContext(space="tiny")
TINY = load_space("tiny")
G = TINY.sample(0)


def evaluate(proxy: str, genotype: Genotype = G, seed: int = 0, **options):
    made = make_evaluator("zero-cost", CONTEXT, {"proxy": proxy, "batch": 8, "repeats": 2, **options})
    return made.evaluate(genotype, Fidelity(), seed, Path())


@pytest.mark.parametrize("proxy", PROXIES)
def test_every_proxy_scores(proxy: str) -> None:
    name = f"log {proxy}" if PROXIES[proxy].log else proxy
    first, again, other = evaluate(proxy, seed=1), evaluate(proxy, seed=1), evaluate(proxy, seed=2)
    assert (first.status, first.measure, math.isfinite(first.accuracy)) == ("ok", name, True)
    assert first.accuracy == again.accuracy, "the trial's seed decides"
    assert (first.accuracy == other.accuracy) == (proxy in ("macs", "params"))
    assert first.to_record()["measure"] == name


def test_counts_are_those_of_the_network_at_its_own_input() -> None:
    g = known("mobilenet_v2")
    assert evaluate("macs", g).accuracy == pytest.approx(math.log(cost(g).macs))
    assert evaluate("params", g).accuracy == pytest.approx(math.log(cost(g).params))


def test_a_score_is_that_of_the_function_on_the_built_network() -> None:
    """The seeds of the draws come from the trial's; synflow needs nothing else."""
    result = evaluate("synflow", seed=5, repeats=3)
    seeds, expected = random.Random(5), []
    for _ in range(3):
        torch.manual_seed(seeds.randrange(2**31))
        expected.append(synflow(build(adapt(G, classes=10)), torch.zeros(1, *G.input)))
    assert result.details["scores"] == pytest.approx(expected)
    assert result.accuracy == pytest.approx(sum(map(math.log, expected)) / 3)


def test_images_are_drawn_at_random_from_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def note(net, images, labels):
        seen.append((images, labels))
        return 0.0

    images = load_images("embedded").train
    monkeypatch.setattr("nasbench.evaluate.zero_cost.gradients.grad_norm", note)
    draw_scores(G, PROXIES["grad-norm"], images, 10, PROXY, seed=0, repeats=40, batch=16, device="cpu")
    pixels, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
    counts = torch.bincount(labels, minlength=10)
    assert counts.min() > 0.5 * counts.float().mean(), "in file order a batch might hold one class"
    assert pixels.shape == (640, *G.input)
    assert abs(float(pixels.mean())) < 0.1
    assert float(pixels.std()) == pytest.approx(1, abs=0.1)
    assert not torch.equal(seen[0][0], seen[1][0])


def test_the_random_state_of_the_process_stays() -> None:
    before = torch.get_rng_state()
    evaluate("grad-norm")
    assert torch.equal(torch.get_rng_state(), before)


def test_it_reads_training_images_of_the_split_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from nasbench.training.images import training_and_validation

    drawn: list[torch.Tensor] = []
    monkeypatch.setattr("nasbench.evaluate.zero_cost.score.resized", lambda images, *rest: drawn.append(images.rows) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate("naswot", batch=4096)
    _, validation = training_and_validation(load_images("embedded"), seed=CONTEXT.split_seed)
    assert not set(drawn[0].tolist()) & set(validation.rows.tolist())


def test_its_data_are_the_classes_and_nothing_is_trained() -> None:
    data = make_evaluator("zero-cost", CONTEXT, {"proxy": "zen"}).data
    assert (data.classes, data.training, data.validation) == (10, 0, 0)
    assert data.fingerprint.startswith("embedded, 10000 + 2000 images")


def test_networks_of_large_inputs_are_scored_where_they_would_train(monkeypatch: pytest.MonkeyPatch) -> None:
    g = known("mobilenet_v3_small")
    shapes = []
    monkeypatch.setattr("nasbench.evaluate.zero_cost.gradients.synflow", lambda net, images, labels: shapes.append(images.shape) or 0.0)
    draw_scores(g, PROXIES["synflow"], load_images("embedded").train, 10, PROXY, seed=0, repeats=1, batch=4, device="cpu")
    assert shapes == [(4, 3, 32, 32)]


ZERO = Genotype("zero", (3, 8, 8), (conv(4, 3, act="none"),), ((edge_cell([["none"]]),),), (gap(), linear(10)))


@pytest.mark.parametrize("proxy", ["synflow", "naswot", "jacob-cov"])
def test_a_network_without_a_score_is_infeasible(proxy: str) -> None:
    """Its output does not depend on the image."""
    result = evaluate(proxy, ZERO)
    assert (result.status, result.accuracy) == ("infeasible", None)
    assert result.reason.startswith(f"{proxy} has no value for this network; it is ")


def test_shapes_that_do_not_fit_are_infeasible() -> None:
    """At 32 pixels, where it would train, the last window has no room."""
    g = Genotype("big", (3, 224, 224), (conv(8, 11, 4, padding="valid"), conv(8, 11, padding="valid")), (), (gap(), linear(10)))
    result = evaluate("synflow", g)
    assert result.status == "infeasible"
    assert result.reason.startswith("cannot be built to be scored: ")


def test_too_little_memory_is_infeasible(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 TB")

    monkeypatch.setattr("nasbench.evaluate.zero_cost.score.draw_scores", none_left)
    result = evaluate("zen")
    assert (result.status, result.reason[:40]) == ("infeasible", "out of memory while scoring 8 images: [e")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs the option proxy; give --proxy VALUE"),
        (
            {"proxy": "synflo"},
            r"--proxy is one of synflow, naswot, zen, grad-norm, jacob-cov, macs, params; got 'synflo'; did you mean synflow",
        ),
        ({"proxy": "zen", "repeats": 0}, "repeats is a whole number from 1 to 1000; got 0"),
        ({"proxy": "zen", "batch": 1.5}, "batch is a whole number from 2 to 4096; got 1.5"),
        ({"proxy": "zen", "batches": 2}, "has no option 'batches'; its options are proxy, repeats, batch; did you mean batch"),
    ],
)
def test_impossible_options(options, message) -> None:
    with pytest.raises(StudyError, match=message):
        make_evaluator("zero-cost", CONTEXT, options)


def test_a_search_by_a_score(tmp_path: Path) -> None:
    """It goes on with scores above one, ends in the network with the highest, and prints no percent."""
    scorer = make_evaluator("zero-cost", CONTEXT, {"proxy": "macs"})
    named = {"evaluator": "zero-cost", "evaluator_options": {"proxy": "macs"}}
    made = problem(Stopwatch(), evaluate=scorer, trials=12, limits=Limits(latency_ms=0.8), strategy="predictor", **named)
    outcome = run(tmp_path / "study", made)
    study = open_study(tmp_path / "study")
    trials = [t for t in study.records() if t.status == "ok" and t.phase != "final"]
    assert study.measure == "log macs"
    assert all(t.accuracy == pytest.approx(math.log(t.macs)) for t in trials)
    searched = [t for t in trials if t.phase == "search"]
    assert outcome.results[0].accuracy >= max(t.accuracy for t in searched) - 1e-9
    assert "%" not in repr(study)
    assert "best log macs 1" in repr(study)


def test_the_soft_reward_is_refused() -> None:
    from nasbench.latency import DeviceConfig
    from nasbench.search.config import SearchConfig
    from nasbench.search.problem import open_problem

    config = SearchConfig(
        space="tiny", limits=Limits(latency_ms=5.0), mode="soft", evaluator="zero-cost", evaluator_options={"proxy": "macs"}, known=()
    )
    with pytest.raises(StudyError, match=r"the soft reward weighs an accuracy .* gives scores; choose --reward hard or pareto"):
        open_problem(config, DeviceConfig().resolve()[0])
    open_problem(replace(config, mode="hard"), DeviceConfig().resolve()[0])


def test_grad_norm_is_a_plain_function() -> None:
    """Usable from Python without an evaluator."""
    net = build(adapt(G, classes=10))
    assert grad_norm(net, torch.randn(4, *G.input), torch.tensor([0, 1, 2, 3])) > 0

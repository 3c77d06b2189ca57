"""The probe: what it trains, what it chooses, that it survives interrupts, and that searches use what it found."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from paper_search import Inline, Silent

from nasbench.errors import NasbenchError, StudyError
from nasbench.evaluate import make_evaluator
from nasbench.evaluate.base import Evaluation, EvaluationContext, EvaluationData, Evaluator
from nasbench.genotype import cost, digest
from nasbench.latency import Device
from nasbench.search.config import SearchConfig, space_digest
from nasbench.search.limits import Limits
from nasbench.search.probe import problem as module
from nasbench.search.probe.candidates import DRAWS, FEWEST, MOST, images_and_pixels, images_of, make_probe, spread
from nasbench.search.probe.problem import networks_within, probe_first, probe_now
from nasbench.search.probe.run import run_probe
from nasbench.search.probe.store import Stored, save_rankings, stored_rankings
from nasbench.search.problem import Problem
from nasbench.spaces import load_space
from nasbench.spaces.choosers import random_chooser
from nasbench.training.proxy import FITTED, fitted
from nasbench.training.recipe import PROXY, Recipe

MACS = Limits(macs=10**9)
TINY = load_space("tiny")


class Formula(Evaluator):
    """The more multiply-adds, the better. Short recipes with one of the fields of `blind` see little of it, and `broken` networks fail."""

    def __init__(self, context: EvaluationContext, *, blind=(), broken=(), training=8000):
        self.context, self.blind, self.broken, self.training = context, blind, broken, training

    @property
    def data(self):
        return EvaluationData("images of a formula", 10, training=self.training, validation=2000)

    def evaluate(self, genotype, fidelity, seed, directory):
        recipe = self.context.recipe
        if digest(genotype) in self.broken:
            return Evaluation(status="infeasible", reason="too deep")
        exact = math.log(cost(genotype).macs) / 40
        noise = random.Random(f"{digest(genotype)} {fidelity.fold} {seed} {recipe}").gauss(0, 1)
        short = recipe["epochs"] == 1
        spread = 0.3 if short and any(recipe[name] == value for name, value in self.blind) else 0.001
        return Evaluation(accuracy=min(1.0, max(0.0, exact + spread * noise)))


def problem(config=None, space=TINY, **more):
    config = config or SearchConfig(space="tiny", limits=MACS, open_fields=FITTED)
    return Problem(config.fitted_to(8000), space, Formula(config.context(), **more), Device("cpu", "Paper"))


@pytest.fixture(autouse=True)
def inline(monkeypatch, tmp_path):
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("nasbench.search.plan.open_engine", Inline)


def with_formula(monkeypatch, **more):
    """What opens an evaluator by its name gets the formula."""
    monkeypatch.setattr(module, "make_evaluator", lambda name, context, options: Formula(context, **more))
    monkeypatch.setattr("nasbench.search.problem.make_evaluator", lambda name, context, options: Formula(context, **more))


def samples(space="mbconv", count=30):
    return [load_space(space).decode(random_chooser(random.Random(i))) for i in range(count)]


@pytest.mark.parametrize("training", [160, 3000, 8000, 100_000])
def test_short_trainings_take_about_as_long(training):
    usual = fitted(PROXY, training)
    probe = make_probe(usual, samples(), training)
    assert next(iter(probe.candidates.values())) == usual
    names = ["usual", "more pixels", "more images", "smaller batches"]
    # All images of a small data set are used anyway.
    assert list(probe.candidates) == (names if training > usual.images else [name for name in names if name != "more images"])
    assert {images_of(probe.candidates[name], training) for name in names[2:3] if name in probe.candidates} <= {
        training,
        round(16 / 9 * 5120),
    }
    work = [images_and_pixels(recipe, training) for recipe in probe.candidates.values()]
    assert max(work) <= 1.35 * min(work)
    assert 5 <= images_and_pixels(probe.longer, training) / work[0] <= 12
    assert probe.longer.train_size >= 40
    assert len(probe.networks) == MOST
    assert probe.work(training) == pytest.approx(MOST * (DRAWS * len(probe.candidates) + 8), rel=0.35)


def test_networks_are_spread():
    networks = samples(count=60)
    chosen = spread(networks, 5)
    macs = sorted(cost(g).macs for g in networks)
    assert [cost(g).macs for g in chosen] == [macs[i] for i in (0, 15, 30, 44, 59)]
    assert len(spread(networks[:3] * 4, 5)) == 3, "each network once"


def run(tmp_path, probe, listener=None, **more):
    evaluator_of = lambda recipe: Formula(EvaluationContext(recipe=recipe.to_dict()), **more)  # noqa: E731
    engine = Inline(None, 2, None, None)
    return run_probe(probe, evaluator_of, engine, listener or Silent(), tmp_path / "kept.jsonl")


def test_the_training_that_ranks_is_chosen(tmp_path):
    probe = make_probe(PROXY, samples(), 8000)
    rankings = run(tmp_path, probe, blind=[("train_size", 32)])
    assert rankings[0].recipe == probe.candidates["more pixels"].to_dict()
    assert rankings[0].tau > 0.9
    assert {r.recipe["batch_size"] for r in rankings} == {64, 32}
    assert len(rankings) == 4
    assert not (tmp_path / "kept.jsonl").exists()


def test_the_usual_one_stays_where_nothing_is_clearly_better(tmp_path):
    probe = make_probe(PROXY, samples(), 8000)
    assert run(tmp_path, probe)[0].recipe == PROXY.to_dict()
    assert run(tmp_path, probe, blind=[("lr", 0.03)])[0].recipe == PROXY.to_dict()


def test_the_longer_training_has_other_validation_images(tmp_path, monkeypatch):
    folds = {}
    original = Formula.evaluate

    def evaluate(self, genotype, fidelity, seed, directory):
        folds.setdefault(self.context.recipe["epochs"], set()).add(fidelity.fold)
        return original(self, genotype, fidelity, seed, directory)

    monkeypatch.setattr(Formula, "evaluate", evaluate)
    run(tmp_path, make_probe(PROXY, samples(), 8000))
    assert folds.pop(1) == {0, 1}
    assert list(folds.values()) == [{2}]


def test_an_interrupted_probe_goes_on(tmp_path, monkeypatch):
    probe, trained = make_probe(PROXY, samples(), 8000, 5), []
    whole = run(tmp_path / "whole", probe)
    original = Formula.evaluate

    def evaluate(self, genotype, fidelity, seed, directory):
        if len(trained) == 13:
            raise KeyboardInterrupt
        trained.append((digest(genotype), fidelity, self.context.recipe["train_size"], self.context.recipe["batch_size"]))
        return original(self, genotype, fidelity, seed, directory)

    with monkeypatch.context() as patch:
        patch.setattr(Formula, "evaluate", evaluate)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, probe)
    listener, again = Silent(), []
    listener.step = again.append
    kept = (tmp_path / "kept.jsonl").read_text()
    (tmp_path / "kept.jsonl").write_text("damaged\n" + kept[: kept.rindex("}")])  # a line that is no JSON, and a torn one
    monkeypatch.setattr(listener, "step", lambda message=None: again.append(message))
    resumed = run(tmp_path, probe, listener)
    assert [replace(r, seconds=0.0, longer_seconds=0.0) for r in resumed] == [replace(r, seconds=0.0, longer_seconds=0.0) for r in whole]
    assert again.count(None) == 12, "the torn one is trained again"
    assert len(again) == 5 * (4 * DRAWS + 1)


def test_networks_that_cannot_be_trained_are_left_out(tmp_path):
    networks = samples()
    probe = make_probe(PROXY, networks, 8000, 6)
    broken = {digest(g) for g in probe.networks[:2]}
    assert run(tmp_path, probe, broken=broken)[0].networks == 4
    broken |= {digest(probe.networks[2])}
    with pytest.raises(StudyError, match=r"compares 4 networks at least; 3 of 6 could be trained: too deep"):
        run(tmp_path, probe, broken=broken)


def test_what_is_stored_is_read(tmp_path):
    rankings = tuple(run(tmp_path, make_probe(PROXY, samples(), 8000, 5)))
    stored = Stored(rankings, Recipe.from_dict(dict(rankings[1].recipe)))
    assert stored_rankings("data", "space") == Stored()
    path = save_rankings("data", "space", stored)
    assert stored_rankings("data", "space") == stored
    assert stored_rankings("other data", "space") == stored_rankings("data", "other space") == Stored()
    assert stored.of(PROXY) == rankings[0]
    assert stored.of(Recipe(lr=0.4)) is None
    for content in ("", "[]", "{}", path.read_text().replace('"tau"', '"taw"'), path.read_text().replace("0.9", "0.8"), "null"):
        path.write_text(content)
        with pytest.warns(RuntimeWarning, match="is ignored .*plan --probe"):
            assert stored_rankings("data", "space") == Stored()


@pytest.mark.slow
def test_newer_ones_replace_those_of_the_same_recipe(tmp_path):
    first = run(tmp_path, make_probe(PROXY, samples(), 8000, 5))
    second = [replace(first[0], tau=0.1)]
    joined = Stored(tuple(first), PROXY).with_others(second, None)
    assert joined.of(PROXY).tau == 0.1
    assert len(joined.rankings) == 4
    assert joined.chosen == PROXY
    assert joined.with_others([], Recipe(lr=0.2)).chosen == Recipe(lr=0.2)


def test_a_search_uses_what_was_chosen(monkeypatch):
    with_formula(monkeypatch, blind=[("batch_size", 64)])
    config = SearchConfig(space="tiny", limits=MACS, open_fields=FITTED)
    from nasbench.search.problem import open_problem

    device = Device("cpu", "Paper")
    assert open_problem(config, device).config.recipe == PROXY
    rankings = probe_now(open_problem(config, device), Silent())
    assert rankings[0].recipe["batch_size"] == 32
    assert open_problem(config, device).config.recipe == Recipe(batch_size=32)
    assert open_problem(replace(config, open_fields=("epochs",)), device).config.recipe == PROXY, "where the user left all of it open"
    probe_now(open_problem(config, device), Silent())
    assert open_problem(config, device).config.recipe.batch_size <= 32, "probed again from what was chosen"


def test_a_probe_of_ones_own_recipe_does_not_change_the_default(monkeypatch):
    with_formula(monkeypatch, blind=[("batch_size", 64)])
    own = SearchConfig(space="tiny", limits=MACS, recipe=Recipe(lr=0.1))
    probe_now(problem(own), Silent())
    stored = stored_rankings("images of a formula", space_digest(TINY))
    assert stored.chosen is None
    assert stored.of(Recipe(lr=0.1)) is not None


@pytest.mark.parametrize(("time_s", "trained"), [(1600.0, 0), (1650.0, 5), (2300.0, 7), (1e5, 9)])
def test_a_probe_comes_first_where_there_is_time(monkeypatch, time_s, trained):
    """A training takes 5 s on two workers. A network takes two of all images at 24 pixels (1.8 times the usual work), four others, and
    3 epochs at 40 pixels (7.3 times): 32.7 s."""
    with_formula(monkeypatch)
    config = SearchConfig(space="tiny", limits=MACS, open_fields=FITTED, time_s=time_s, workers=2)
    monkeypatch.setattr(module, "seconds_per_evaluation", lambda *_: (5.0, 5.0))
    listener = Silent()
    found = probe_first(config, problem(config), listener)
    rankings = stored_rankings("images of a formula", space_digest(TINY)).rankings
    assert {r.networks for r in rankings} == ({trained} if trained else set())
    assert any("briefly and longer" in line for line in listener.messages) == bool(trained)
    assert found.config.open_fields == ()
    listener.messages.clear()
    probe_first(config, problem(config), listener)
    assert not listener.messages, "once"


def test_a_short_search_does_not_even_open_an_engine(monkeypatch):
    monkeypatch.setattr(module, "engine_of", lambda *_: pytest.fail("an engine was opened"))
    config = SearchConfig(space="tiny", limits=MACS, open_fields=FITTED, time_s=480.0, workers=2)
    made = problem(config)
    assert probe_first(config, made, Silent()) is made


def test_no_probe_where_the_user_chose_the_training(monkeypatch):
    with_formula(monkeypatch)
    config = SearchConfig(space="tiny", limits=MACS, open_fields=("epochs",), time_s=1e6)
    made = problem(config)
    assert probe_first(config, made, Silent()) is made


def test_what_a_probe_refuses(monkeypatch):
    with pytest.raises(StudyError, match="the evaluator train trains none; leave --probe out"):
        probe_now(problem(training=0), Silent())
    few = SearchConfig(space="tiny", limits=Limits(macs=1), open_fields=FITTED)
    with pytest.raises(StudyError, match=f"needs {FEWEST} networks within the limits; 0 were found; allow more"):
        probe_now(problem(few), Silent())


def test_networks_are_within_the_limits():
    macs = sorted(cost(g).macs for g in samples("tiny"))
    limit = macs[len(macs) // 2]
    networks = networks_within(problem(SearchConfig(space="tiny", limits=Limits(macs=limit))))
    assert networks
    assert max(cost(g).macs for g in networks) <= limit
    unprofiled = networks_within(problem(SearchConfig(space="tiny", limits=Limits(latency_ms=0.001))))
    assert unprofiled, "a latency limit counts where latencies can be predicted"


def test_a_cache_that_cannot_be_written_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "file"))
    with_formula(monkeypatch)
    with pytest.raises((NasbenchError, OSError)):
        probe_now(problem(), Silent())


def test_the_package_knows_how_its_embedded_images_rank_networks():
    data = make_evaluator("train", EvaluationContext(), {}).data
    stored = stored_rankings(data.fingerprint, space_digest(load_space("mbconv")))
    default, chosen = stored.of(PROXY), stored.of(stored.chosen)
    assert chosen.recipe == make_probe(PROXY, samples(), data.training).candidates["more images"].to_dict()
    assert chosen.tau > default.tau
    for found in (default, chosen):
        assert found.networks >= 30
        assert 0 < found.low < found.tau < found.high < 1
        assert 0.3 < found.noise_share < 0.7

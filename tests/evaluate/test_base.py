"""Evaluators by name, from functions, classes and plugins; and one that shares work between trials."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import formula
import pytest
from paper_search import Silent, Stopwatch, problem, run

from nasbench.analysis.study import open_study
from nasbench.engines.open import open_engine
from nasbench.errors import NasbenchError, StudyError
from nasbench.evaluate.base import (
    EVALUATORS,
    Evaluation,
    EvaluationContext,
    EvaluationData,
    Evaluator,
    ExpectedSeconds,
    Fidelity,
    FunctionEvaluator,
    evaluator,
)
from nasbench.evaluate.call import EvaluationCall, call_directory, evaluate_call, in_directory
from nasbench.evaluate.make import make_evaluator
from nasbench.files import write_atomic
from nasbench.genotype import cost
from nasbench.plugins import load_plugin
from nasbench.search.limits import Limits
from nasbench.spaces import load_space

CONTEXT = EvaluationContext(space="tiny")
NETWORK = load_space("tiny").sample(0)


def call_of(function, directory, fidelity=Fidelity(), seed=3) -> EvaluationCall:  # noqa: B008 - it is frozen
    return EvaluationCall.of(formula.evaluator_of(function), NETWORK.to_yaml(), fidelity, seed, directory)


def test_a_call_is_plain_data_and_gives_the_evaluators_result(tmp_path):
    call = pickle.loads(pickle.dumps(call_of(formula.by_size, tmp_path)))
    assert evaluate_call(call) == {
        "status": "ok",
        "reason": None,
        "accuracy": formula.accuracy_of(NETWORK),
        "seconds": 0.01,
    }
    elsewhere = in_directory(call, "/elsewhere")
    assert (call_directory(call), call_directory(elsewhere)) == (str(tmp_path), "/elsewhere")


def test_fidelity_reaches_the_evaluator(tmp_path):
    first = evaluate_call(call_of(formula.by_size_and_epochs, tmp_path, Fidelity(epochs=1)))
    last = evaluate_call(call_of(formula.by_size_and_epochs, tmp_path, Fidelity(epochs=9)))
    assert (first["epochs"], last["epochs"]) == (1, 9)
    assert first["accuracy"] < last["accuracy"]


def test_a_result_that_is_no_evaluation_is_refused(tmp_path):
    with pytest.raises(NasbenchError, match="an evaluator returns an Evaluation; FunctionEvaluator returned int"):
        evaluate_call(call_of(answer_of_nobody, tmp_path))


def answer_of_nobody(genotype, fidelity, seed, directory):
    return 42


def test_a_status_is_one_of_four():
    with pytest.raises(StudyError, match="the status of an evaluation is one of ok, infeasible, diverged, failed; got 'fine'"):
        Evaluation(status="fine")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tabel", {}, "an evaluator is one of supernet, table, train, zero-cost; got 'tabel'; did you mean table"),
        ("train", {"table": "a.json"}, "the evaluator train has no option 'table'; it has no options"),
        ("table", {}, "the evaluator table needs the option table; give --table VALUE"),
        ("table", {"tabel": "a.json"}, "the evaluator table has no option 'tabel'; its options are table, metric; did you mean table"),
    ],
)
def test_bad_names_and_options(name, options, message):
    with pytest.raises(StudyError, match=message):
        make_evaluator(name, CONTEXT, options)


PLUGIN = '''
"""An evaluator of a user's own."""
from nasbench.evaluate import Evaluation, Evaluator, EvaluationData, evaluator
from nasbench.genotype import cost


@evaluator
def fewer_parameters(genotype, fidelity, seed, directory):
    return Evaluation(accuracy=1 / (1 + cost(genotype).params / 1e6))


@evaluator
class Scaled(Evaluator):
    name = "scaled"

    def __init__(self, context, factor=0.5):
        self.context, self.factor = context, factor

    @property
    def data(self):
        return EvaluationData("nothing", 10)

    def evaluate(self, genotype, fidelity, seed, directory):
        return Evaluation(accuracy=self.factor / (1 + cost(genotype).params / 1e6))
'''


def test_a_plugin_adds_evaluators_that_work_in_other_processes(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    plugin = load_plugin(file)
    assert plugin.registered == ("fewer_parameters", "scaled")
    context = replace(CONTEXT, plugins=(plugin,))
    expected = 1 / (1 + cost(NETWORK).params / 1e6)
    calls = [
        EvaluationCall.of(made, NETWORK.to_yaml(), Fidelity(), 0, tmp_path)
        for made in (make_evaluator("fewer_parameters", context, {}), make_evaluator("scaled", context, {"factor": 0.25}))
    ]
    made = make_evaluator("scaled", context, {})
    with open_engine(problem().config.engine, 1, made, print) as engine:  # a process that has not loaded the plugin
        results = []
        for i, call in enumerate(calls):
            engine.submit(i, evaluate_call, call)
            results += engine.wait()
    assert [r.result["accuracy"] for r in results] == [expected, expected / 4]


def test_a_taken_name_is_refused():
    with pytest.raises(StudyError, match=r"there is already an evaluator 'train', from nasbench\.evaluate\.train; choose another name"):

        @evaluator
        class Train:
            name = "train"

    assert EVALUATORS["train"].__module__ == "nasbench.evaluate.train"


# An evaluator that shares work between trials, as a supernet does: it is trained once, before the first trial, in steps that
# can be interrupted; trials are cheap and read what it left.


STEPS = 5


@dataclass(frozen=True)
class Shared(Evaluator):
    context: EvaluationContext = CONTEXT
    directory: str = ""
    interrupt_at: int = 99

    @property
    def data(self):
        return EvaluationData("a supernet of nothing", 10)

    def prepare(self, directory, evaluate_all, say):
        state = directory / "shared" / "state.json"
        state.parent.mkdir(exist_ok=True)
        steps = json.loads(state.read_text()) if state.exists() else []
        while len(steps) < STEPS:
            if len(steps) == self.interrupt_at:
                raise KeyboardInterrupt
            steps.append(len(steps) ** 2)
            write_atomic(state, json.dumps(steps))
            say(f"shared training: step {len(steps)} of {STEPS}")
        return replace(self, directory=str(directory))

    def evaluate(self, genotype, fidelity, seed, directory):
        weights = json.loads((Path(self.directory) / "shared" / "state.json").read_text())
        assert len(weights) == STEPS, "no trial runs before the shared work is done"
        return Evaluation(accuracy=formula.accuracy_of(genotype) * sum(weights) / 100, seconds=0.001)

    def cost(self, networks, evaluate_all):
        return [ExpectedSeconds(0.5) for _ in networks]


def test_an_evaluator_that_shares_state_plugs_in_and_resumes(tmp_path):
    """Interrupted in the middle of the shared work, and killed by hand; the same study as undisturbed."""
    more = {"trials": 6, "limits": Limits(latency_ms=2.0), "workers": 1}
    undisturbed, path = tmp_path / "undisturbed", tmp_path / "study"
    run(undisturbed, problem(Stopwatch(), evaluate=Shared(), **more))
    with pytest.raises(KeyboardInterrupt):
        run(path, problem(Stopwatch(), evaluate=Shared(interrupt_at=3), **more))
    assert json.loads((path / "shared" / "state.json").read_text()) == [0, 1, 4]
    assert open_study(path).records() == [], "no trial was begun"
    listener = Silent()
    run(path, problem(Stopwatch(), evaluate=Shared(), **more), listener)
    assert [line for line in listener.messages if "shared training" in line] == [f"shared training: step {n} of 5" for n in (4, 5)]
    assert outcomes(path) == outcomes(undisturbed)
    assert json.loads((path / "plan.json").read_text())["seconds_per_trial"] == 0.5


def outcomes(path):
    return [(t.phase, t.number, t.status, t.digest, t.values, t.accuracy) for t in open_study(path).records()]


def test_its_trials_are_those_of_a_plain_evaluator_with_the_same_values(tmp_path):
    """The control: what is shared is really used."""
    run(tmp_path / "a", problem(Stopwatch(), evaluate=Shared(), trials=4, limits=Limits(latency_ms=2.0), workers=1))
    best = max(t.accuracy for t in open_study(tmp_path / "a").records() if t.accuracy)
    assert best == pytest.approx(0.3 * max(formula.accuracy_of(t.network) for t in open_study(tmp_path / "a").records() if t.genotype))


def test_a_function_is_an_evaluator_of_its_own_name():
    made = FunctionEvaluator(CONTEXT, formula.by_size)
    assert made.modules == ("formula",)
    assert made.data.fingerprint == "no images, by_size"

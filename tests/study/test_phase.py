"""Ask and tell: duplicates, exhausted spaces, restarts, and whatever a worker may tell."""

from __future__ import annotations

from functools import partial

import optuna
import pytest
from toy_search import chain, open_phase, outcome, pairs, record, run, toy

from nasbench.errors import GenotypeError, StudyError
from nasbench.genotype import Block, Genotype
from nasbench.spaces import load_space
from nasbench.study.optuna_tables import OptunaTables
from nasbench.study.phase import PATIENCE, WINDOW
from nasbench.study.sampling import retrace
from nasbench.zoo import known

EACH = pytest.mark.parametrize("name", ["random", "evolution", "tpe"])
BOTH = pytest.mark.parametrize("directions", [("maximize",), ("maximize", "minimize")])


@EACH
@BOTH
def test_a_restart_changes_nothing(name, directions, tmp_path):
    """12 trials in one go, and in three; every strategy is past its random start by then."""
    options, decode = {} if name == "random" else {"startup": 4}, partial(chain, layers=4)
    folder, ledger, phase = open_phase(tmp_path / "whole", name, directions=directions, **options)
    with folder, ledger:
        whole = outcome(run(phase, 12, decode))
    for count in (5, 6, 12):
        folder, ledger, phase = open_phase(tmp_path / "parts", name, directions=directions, **options)
        with folder, ledger:
            parts = outcome(run(phase, count, decode))
    assert parts == whole
    assert len({t[2] for t in whole if t[1] == "ok"}) == 12


def test_what_is_asked_is_stored_before_it_runs(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        asked = phase.ask(chain)
        (trial,) = ledger.records()
    assert trial.status == "running"
    assert (trial.number, trial.digest, trial.seed) == (0, asked.digest, asked.seed)
    assert Genotype.from_yaml(trial.genotype) == asked.network
    assert retrace(chain, trial.params).genotype == asked.network


def test_a_told_trial_is_stored_whole(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        asked = phase.ask(chain)
        told = {"status": "ok", "values": [0.5], "accuracy": 0.6, "latency_ms": 3.5, "macs": 7, "params_count": 8, "reward": 0.5}
        phase.tell(asked.number, told | {"seconds": 2.0, "constraints": {"latency": -0.1}, "epochs": 3, "loss": 0.2})
        (trial,) = ledger.records()
    assert trial == phase.records()[0]
    assert (trial.status, trial.values, trial.accuracy, trial.latency_ms) == ("ok", (0.5,), 0.6, 3.5)
    assert (trial.macs, trial.params_count, trial.reward, trial.seconds) == (7, 8, 0.5, 2.0)
    assert trial.epochs == 3
    assert (trial.constraints, trial.more, trial.feasible) == ({"latency": -0.1}, {"loss": 0.2}, True)
    assert trial.started <= trial.finished


@pytest.mark.parametrize(
    "told", [{"status": "ok", "values": [float("nan")]}, {"status": "ok"}, {}, None, {"status": "ok", "values": [1, 2]}]
)
def test_nonsense_never_leaves_a_trial_running(told, tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        assert phase.tell(phase.ask(chain).number, told).status == "failed"
        assert ledger.records()[0].status == "failed"
        assert ledger.records()[0].reason


@pytest.mark.parametrize("number", [-1, 0, 1])
def test_a_trial_is_told_once(number, tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        asked = phase.ask(chain)
        phase.tell(asked.number, record(asked.network))
        with pytest.raises(StudyError, match=f"a trial is finished once, while it runs; search has no running trial {number}"):
            phase.tell(number, record(asked.network))


@pytest.mark.parametrize(
    ("name", "decode", "size"),
    [("random", load_space("tiny").decode, 256), *((name, partial(chain, layers=1), 36) for name in ("evolution", "tpe"))],
)
def test_an_exhausted_space_ends(name, decode, size, tmp_path):
    """More is wanted than there is: each network is drawn once, a duplicate has the earlier result, and then it ends."""
    folder, ledger, phase = open_phase(tmp_path / "study", name)
    with folder, ledger:
        asked = []
        while (one := phase.ask(decode)) is not None:
            asked.append(one.digest)
            assert len(asked) <= size
            phase.tell(one.number, {"status": "ok", "values": [len(asked) % 7], "accuracy": 0.1})
        assert phase.ask(decode) is None
        trials = phase.records()
    assert len(set(asked)) == len(asked) == size
    assert len(trials) < 3 * size, "duplicates must not outnumber what is new for long"
    duplicates = [t for t in trials if t.status == "duplicate"]
    assert duplicates
    for trial in duplicates:
        first = trials[trial.duplicate_of]
        assert first.number < trial.number
        assert (trial.digest, trial.values, trial.accuracy) == (first.digest, first.values, first.accuracy)
        assert trial.seconds == 0
    windows = [sum(t.status == "duplicate" for t in trials[i : i + WINDOW]) for i in range(len(trials))]
    assert max(windows) == PATIENCE


def test_duplicates_have_the_verdict_of_the_first(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        for told in (
            {"status": "over_budget", "constraints": {"latency": 2.0}, "reason": "21 ms"},
            {"status": "diverged", "reason": "nan"},
        ):
            phase.tell(phase.ask(pairs).number, told)
        assert phase.ask(pairs) is None
        trials = phase.records()
    duplicates = [t for t in trials if t.status == "duplicate"]
    assert {t.duplicate_of for t in duplicates} == {t.number for t in trials} - {t.number for t in duplicates}
    for trial in duplicates:
        first = trials[trial.duplicate_of]
        assert trial.constraints == first.constraints
        assert trial.values is None
        assert trial.reason == f"the network of trial {first.number}: {first.reason}"


def test_a_network_that_is_being_evaluated_is_not_asked_again(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        first, second = phase.ask(pairs), phase.ask(pairs)
        assert first.digest != second.digest
        assert phase.ask(pairs) is None
        duplicates = [t for t in phase.records() if t.status == "duplicate"]
        assert duplicates
        assert all(t.reason.endswith(", which runs") and not t.feasible for t in duplicates)
        assert phase.find(first.digest).status == "running"


def half(choose):
    if choose("broken", [True, False]):
        raise GenotypeError("stage 1: shapes do not meet")
    return chain(choose)


@EACH
def test_answers_that_are_no_network(name, tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study", name)
    with folder, ledger:
        run(phase, 15, half)
        trials = phase.records()
    broken = [t for t in trials if t.status == "infeasible"]
    assert {(t.reason, t.constraints["invalid"]) for t in broken} == {("stage 1: shapes do not meet", 1.0)}
    assert sum(t.status == "ok" for t in trials) == 15


def test_a_network_of_ones_own_choice(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study", name="evolution", startup=1, sample=1)
    with folder, ledger:
        known_phase = ledger.phase("known", ["maximize"])
        asked = known_phase.enter(known("mobilenet_v2"))
        assert (asked.phase, asked.number) == ("known", 0)
        known_phase.tell(0, {"status": "ok", "values": [0.9]})
        assert known_phase.find(asked.digest).values == (0.9,)
        with pytest.raises(StudyError, match="known has none; add its networks with `enter`"):
            known_phase.ask(chain)
        # with its answers, a network can be a parent
        drawn = retrace(chain, {f"{i}.{k}": v for i in range(8) for k, v in {"width": 8, "kernel": 3, "more": False}.items()})
        phase.tell(phase.enter(drawn.genotype, drawn).number, {"status": "ok", "values": [0.9]})
        child = phase.ask(chain)
        trial = phase.records()[child.number]
        assert trial.parent == 0
        assert sum(trial.params.get(k) != v for k, v in drawn.params.items()) == 1


def test_one_network_may_be_entered_again(tmp_path):
    """Finalists are trained with several seeds."""
    folder, ledger, _ = open_phase(tmp_path / "study")
    with folder, ledger:
        final = ledger.phase("final", ["maximize"])
        network = toy([Block("conv", {"width": 8, "kernel": 3})])
        first, second = final.enter(network), final.enter(network)
        assert first.digest == second.digest
        assert first.seed != second.seed


def test_unfinished_trials_are_run_again(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        asked = [phase.ask(chain) for _ in range(3)]
        phase.tell(1, record(asked[1].network))
    stranger = optuna.load_study(storage=f"sqlite:///{tmp_path / 'study/ledger.db'}", study_name="search")
    stranger.ask()
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        assert phase.unfinished() == [asked[0], asked[2]]
        assert [t.status for t in phase.records()] == ["running", "ok", "running", "failed"]
        assert phase.records()[3].reason == "interrupted before its network was known"
        assert phase.unfinished() == [asked[0], asked[2]], "nothing is told twice"


def test_a_space_that_changed_its_options(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        run(phase, 2, pairs)
        with pytest.raises(StudyError, match="a space keeps its options during a study; kernel had others before"):
            phase.ask(lambda choose: toy([Block("conv", {"width": 8, "kernel": choose("kernel", [3, 5, 7])})]))
        assert len(phase.records()) == 2


@pytest.mark.parametrize("step", ["ask", "tell"])
def test_after_a_failed_write_the_phase_is_as_the_ledger(step, tmp_path, monkeypatch):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        run(phase, 2)
        asked = phase.ask(chain) if step == "tell" else None

        def broken(*_):
            raise OSError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(OptunaTables, "_result", broken)
            with pytest.raises(OSError, match="gone"):
                phase.tell(2, record(asked.network)) if step == "tell" else phase.ask(chain)
        assert phase.records() == ledger.records()
        assert [t.status for t in phase.records()] == ["ok", "ok"] + ["running"] * (step == "tell")
        if step == "tell":
            phase.tell(2, record(asked.network))
        assert len(run(phase, 5)) == 5

"""Ask and tell: duplicates, exhausted spaces, restarts, and any result that a worker may send."""

from __future__ import annotations

from functools import partial

import optuna
import pytest
from toy_search import chain, open_phase, outcome, pairs, record, run, toy

from nasbench.errors import GenotypeError, StudyError
from nasbench.genotype import Block, Genotype
from nasbench.spaces import load_space
from nasbench.strategies import STRATEGIES
from nasbench.study.database.optuna_tables import OptunaTables
from nasbench.study.phase import PATIENCE, WINDOW
from nasbench.study.sampling import retrace
from nasbench.zoo import known

EACH = pytest.mark.parametrize("name", sorted(STRATEGIES))
BOTH = pytest.mark.parametrize("directions", [("maximize",), ("maximize", "minimize")])


@EACH
@BOTH
def test_a_restart_changes_nothing(name, directions, tmp_path):
    """12 trials in one go, and in three; every strategy is past its random start by then."""
    first = {"random": {}, "nsga2": {"population": 4}, "rl": {"batch": 4}}
    options, decode = first.get(name, {"startup": 4}), partial(chain, layers=4)
    directory, ledger, phase = open_phase(tmp_path / "whole", name, directions=directions, **options)
    with directory, ledger:
        whole = outcome(run(phase, 12, decode))
    for count in (5, 6, 12):
        directory, ledger, phase = open_phase(tmp_path / "parts", name, directions=directions, **options)
        with directory, ledger:
            parts = outcome(run(phase, count, decode))
    assert parts == whole
    assert len({t[2] for t in whole if t[1] == "ok"}) == 12


def test_a_trial_is_stored_before_it_runs(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        trial = phase.ask(chain)
        (stored,) = ledger.records()
    assert stored.status == "running"
    assert (stored.number, stored.digest, stored.seed) == (0, trial.digest, trial.seed)
    assert Genotype.from_yaml(stored.genotype) == trial.network
    assert retrace(chain, stored.params).genotype == trial.network


def test_a_finished_trial_is_stored_whole(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        number = phase.ask(chain).number
        result = {"status": "ok", "values": [0.5], "accuracy": 0.6, "latency_ms": 3.5, "macs": 7, "params_count": 8, "reward": 0.5}
        phase.tell(number, result | {"seconds": 2.0, "constraints": {"latency": -0.1}, "epochs": 3, "loss": 0.2})
        (trial,) = ledger.records()
    assert trial == phase.records()[0]
    assert (trial.status, trial.values, trial.accuracy, trial.latency_ms) == ("ok", (0.5,), 0.6, 3.5)
    assert (trial.macs, trial.params_count, trial.reward, trial.seconds) == (7, 8, 0.5, 2.0)
    assert trial.epochs == 3
    assert (trial.constraints, trial.more, trial.feasible) == ({"latency": -0.1}, {"loss": 0.2}, True)
    assert trial.started <= trial.finished


@pytest.mark.parametrize(
    "result", [{"status": "ok", "values": [float("nan")]}, {"status": "ok"}, {}, None, {"status": "ok", "values": [1, 2]}]
)
def test_nonsense_never_leaves_a_trial_running(result, tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        assert phase.tell(phase.ask(chain).number, result).status == "failed"
        assert ledger.records()[0].status == "failed"
        assert ledger.records()[0].reason


@pytest.mark.parametrize("number", [-1, 0, 1])
def test_a_trial_is_finished_once(number, tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        trial = phase.ask(chain)
        phase.tell(trial.number, record(trial.network))
        with pytest.raises(StudyError, match=f"a trial is finished once, while it runs; search has no running trial {number}"):
            phase.tell(number, record(trial.network))


@pytest.mark.parametrize(
    ("name", "decode", "size"),
    [
        ("random", load_space("tiny").decode, 256),
        *((name, partial(chain, layers=1), 36) for name in sorted(STRATEGIES) if name != "random"),
    ],
)
def test_an_exhausted_space_ends(name, decode, size, tmp_path):
    """More trials are wanted than there are networks: each is evaluated once, and a duplicate has the earlier result."""
    directory, ledger, phase = open_phase(tmp_path / "study", name)
    with directory, ledger:
        digests = []
        while (trial := phase.ask(decode)) is not None:
            digests.append(trial.digest)
            assert len(digests) <= size
            phase.tell(trial.number, {"status": "ok", "values": [len(digests) % 7], "accuracy": 0.1})
        assert phase.ask(decode) is None
        trials = phase.records()
    assert len(set(digests)) == len(digests) == size
    assert len(trials) < 3 * size, "duplicates must not outnumber new networks for long"
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
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        for result in (
            {"status": "over_budget", "constraints": {"latency": 2.0}, "reason": "21 ms"},
            {"status": "diverged", "reason": "nan"},
        ):
            phase.tell(phase.ask(pairs).number, result)
        assert phase.ask(pairs) is None
        trials = phase.records()
    duplicates = [t for t in trials if t.status == "duplicate"]
    assert {t.duplicate_of for t in duplicates} == {t.number for t in trials} - {t.number for t in duplicates}
    for trial in duplicates:
        first = trials[trial.duplicate_of]
        assert trial.constraints == first.constraints
        assert trial.values is None
        assert trial.reason == f"the network of trial {first.number}: {first.reason}"


def test_a_network_that_is_being_evaluated_is_not_evaluated_again(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
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
def test_values_that_lead_to_no_network(name, tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study", name)
    with directory, ledger:
        run(phase, 15, half)
        trials = phase.records()
    broken = [t for t in trials if t.status == "infeasible"]
    assert broken or name not in ("random", "predictor"), "the others decode what they propose"
    assert all((t.reason, t.constraints["invalid"]) == ("stage 1: shapes do not meet", 1.0) for t in broken)
    assert sum(t.status == "ok" for t in trials) == 15


def test_a_network_of_the_callers_choice(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study", name="evolution", startup=1, sample=1)
    with directory, ledger:
        known_phase = ledger.phase("known", ["maximize"])
        entered = known_phase.enter(known("mobilenet_v2"))
        assert (entered.phase, entered.number) == ("known", 0)
        known_phase.tell(0, {"status": "ok", "values": [0.9]})
        assert known_phase.find(entered.digest).values == (0.9,)
        with pytest.raises(StudyError, match="known has none; add its networks with `enter`"):
            known_phase.ask(chain)
        # with its values, a network can be a parent
        proposal = retrace(chain, {f"{i}.{k}": v for i in range(8) for k, v in {"width": 8, "kernel": 3, "more": False}.items()})
        phase.tell(phase.enter(proposal.genotype, proposal).number, {"status": "ok", "values": [0.9]})
        child = phase.ask(chain)
        trial = phase.records()[child.number]
        assert trial.parent == 0
        assert sum(trial.params.get(k) != v for k, v in proposal.params.items()) == 1


def test_one_network_may_be_entered_again(tmp_path):
    """Finalists are trained with several seeds."""
    directory, ledger, _ = open_phase(tmp_path / "study")
    with directory, ledger:
        final = ledger.phase("final", ["maximize"])
        network = toy([Block("conv", {"width": 8, "kernel": 3})])
        first, second = final.enter(network), final.enter(network)
        assert first.digest == second.digest
        assert first.seed != second.seed


def test_unfinished_trials_are_run_again(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        trials = [phase.ask(chain) for _ in range(3)]
        phase.tell(1, record(trials[1].network))
    other_program = optuna.load_study(storage=f"sqlite:///{tmp_path / 'study/ledger.db'}", study_name="search")
    other_program.ask()
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        assert phase.unfinished() == [trials[0], trials[2]]
        assert [t.status for t in phase.records()] == ["running", "ok", "running", "failed"]
        assert phase.records()[3].reason == "interrupted before its network was known"
        assert phase.unfinished() == [trials[0], trials[2]], "no trial is finished twice"


def test_a_space_that_changed_its_options(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        run(phase, 2, pairs)
        with pytest.raises(StudyError, match="a space keeps its options during a study; kernel had others before"):
            phase.ask(lambda choose: toy([Block("conv", {"width": 8, "kernel": choose("kernel", [3, 5, 7])})]))
        assert len(phase.records()) == 2


@pytest.mark.parametrize("step", ["ask", "tell"])
def test_after_a_failed_write_the_phase_is_as_the_ledger(step, tmp_path, monkeypatch):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        run(phase, 2)
        trial = phase.ask(chain) if step == "tell" else None

        def broken(*_):
            raise OSError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(OptunaTables, "_write_result", broken)
            with pytest.raises(OSError, match="gone"):
                phase.tell(2, record(trial.network)) if step == "tell" else phase.ask(chain)
        assert phase.records() == ledger.records()
        assert [t.status for t in phase.records()] == ["ok", "ok"] + ["running"] * (step == "tell")
        if step == "tell":
            phase.tell(2, record(trial.network))
        assert len(run(phase, 5)) == 5


def test_only_a_running_trial_pauses(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        trial = phase.pause(phase.ask(chain).number, {"status": "ok", "values": [float("nan")], "accuracy": 0.5}, 1)
        assert trial.status == "failed", "without a valid result there is no rung"
        for again in (lambda: phase.pause(0, {}, 3), lambda: phase.promote(0), lambda: phase.stop(0, "")):
            with pytest.raises(StudyError, match="no running trial 0"):
                again()

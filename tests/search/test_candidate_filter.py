"""Candidates of a phase: what is unsure is measured, several at a time, and a kill changes nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest
from paper_search import REFERENCE_MS, Stopwatch, true_ms

from nasbench.errors import LimitError
from nasbench.genotype import Genotype, cost
from nasbench.latency import Prediction
from nasbench.search.candidate_filter import FRUITLESS, TOGETHER, CandidateFilter
from nasbench.search.limits import Limits, Metrics
from nasbench.search.records import metrics_record
from nasbench.spaces import load_space
from nasbench.strategies import make_strategy
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import Measurements
from nasbench.study.sampling import every

TINY = load_space("tiny")
LIMIT = sorted(true_ms(d.genotype) for d in every(TINY.decode))[128]
TRAINED = 24
FORK = multiprocessing.get_context("fork")


def describe(g, lean=1.0, width=0.1):
    c, ms = cost(g), true_ms(g) * lean
    return Metrics(c.params, c.macs, c.peak_bytes, c.size_bytes(), Prediction(ms, ms * (1 - width), ms * (1 + width)))


class SerialPhase:
    """A phase without an engine."""

    def __init__(self, path, watch, how=describe, limit=LIMIT, name="evolution", kill=("never", -1)):
        self.folder = StudyDirectory.create(path, {"space": "tiny"})
        self.ledger = Ledger.open(self.folder)
        # Each child is proposed, also one that the limits would probably refuse: here the filter is to refuse it.
        options = {"startup": 4, "sample": 3, "population": 6, "attempts": 1} if name == "evolution" else {}
        self.phase = self.ledger.phase("search", ("maximize",), make_strategy(name, 0, **options), 0)
        self.kept = Measurements(path / "measurements.jsonl", REFERENCE_MS)
        self.messages, self.limits = [], Limits(latency_ms=limit)
        self.candidates = CandidateFilter(
            self.phase, TINY.decode, how, self.limits, self.kept, watch, self.messages.append, interrupted=self.phase.unfinished()
        )

    def train(self, wanted, stop=lambda trained: None):
        """Until so many are trained; how many were."""
        while (done := sum(t.status == "ok" for t in self.phase.records())) < wanted:
            trial = self.next(wanted - done)
            if trial is None:
                break
            stop(done)
            metrics = self.candidates.metrics(trial)
            record = {"status": "ok", "values": [metrics.macs / 1e9], "accuracy": 0.5} | metrics_record(metrics, self.limits)
            self.phase.tell(trial.number, record)
        return self.phase.records()

    def next(self, needed):
        """The next trial that is inside."""
        while (trial := self.candidates.ask(needed)) is not None:
            if self.candidates.check_limits(trial):
                return trial
        return None

    def close(self):
        self.ledger.close()
        self.folder.close()


@pytest.fixture
def phase(tmp_path):
    made = []

    def make(watch, name="study", **more):
        made.append(SerialPhase(tmp_path / name, watch, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def trained(trials):
    return [Genotype.from_yaml(t.genotype) for t in trials if t.status == "ok"]


def test_the_unsure_are_measured_together_and_only_those(phase):
    watch = Stopwatch()
    trials = phase(watch).train(20)
    assert all(true_ms(g) <= LIMIT for g in trained(trials))
    measured = [t for t in trials if "measured_ms" in t.more and t.status != "duplicate"]
    assert 4 <= len(measured) == sum(map(len, watch.sessions))
    assert max(map(len, watch.sessions)) == TOGETHER
    assert len(watch.sessions) < len(measured)
    for t in measured:
        assert t.latency_ms == t.more["measured_ms"] == pytest.approx(true_ms(Genotype.from_yaml(t.genotype)))
        assert abs(t.more["predicted_ms"] / LIMIT - 1) < 0.1 / 0.9
    over = [t for t in measured if t.status == "over_budget"]
    assert over
    assert all("measured" in t.reason for t in over)
    assert not [t for t in trials if t.status == "running"]


def test_all_that_may_be_trained_is_found_to_the_end_of_the_space(phase):
    """The allowed set is that of brute force, whichever way each network went."""
    trials = phase(Stopwatch(width=0.0), name="random").train(1000)
    wanted = {d.digest for d in every(TINY.decode) if true_ms(d.genotype) <= LIMIT}
    assert {t.digest for t in trials if t.status == "ok"} == wanted
    assert {t.digest for t in trials} == {d.digest for d in every(TINY.decode)}


@pytest.mark.parametrize("lean", [0.7, 1.3])
def test_a_leaning_predictor_is_found_out(phase, lean):
    """30 % too hopeful: networks above the limit are trained until a measurement says so. 30 % too careful: none near it at first."""
    trials = phase(Stopwatch(), how=lambda g: describe(g, lean)).train(40)
    late = [true_ms(g) / LIMIT for g in trained(trials)][20:]
    assert max(late) <= 1.02
    assert max(late) > 0.9
    blind = phase(Stopwatch(), name="random", how=lambda g: describe(g, lean, width=0.0))  # the control: never unsure, so never told
    worst = max(true_ms(g) / LIMIT for g in trained(blind.train(20)))
    assert worst > 1.02 if lean < 1 else worst < 0.8


def test_where_nothing_can_be_measured_the_unsure_are_outside(phase):
    trials = phase(None).train(20)
    assert all(1.1 * true_ms(g) <= LIMIT * 1.0001 for g in trained(trials))
    assert any(t.status == "over_budget" and "the device is elsewhere" in t.reason for t in trials)


def test_noisy_ones_are_judged_by_their_whole_interval(phase):
    trials = phase(Stopwatch(width=0.2, noisy=True)).train(12)
    measured = [t for t in trials if "measured_ms" in t.more]
    assert measured
    assert all((t.status == "ok") == (t.more["latency_high_ms"] <= LIMIT) for t in measured if t.status != "duplicate")


def test_few_that_are_needed_do_not_wait_for_others(phase):
    watch = Stopwatch()
    phase(watch, how=lambda g: replace(describe(g), predicted=Prediction(1.0, 0.0, 99.0))).train(1)
    assert {len(names) for names in watch.sessions} == {1}


def test_a_phase_whose_end_comes_leaves_nothing_running(phase):
    one = phase(Stopwatch(), how=lambda g: replace(describe(g), predicted=Prediction(LIMIT, 0.0, 99.0)))
    assert one.next(100) is not None  # measured, with others that are ready
    asked = one.phase.records()[-1]
    one.candidates.end()
    left = [t for t in one.phase.records() if t.status == "running"]
    assert len(left) == 1, "the one that trains"
    assert asked.number >= left[0].number
    assert {t.status for t in one.phase.records()} <= {"running", "skipped", "over_budget", "duplicate"}


def test_limits_that_nothing_meets_end_the_search(phase, monkeypatch):
    monkeypatch.setattr("nasbench.search.candidate_filter.REJECTED", 20)
    with pytest.raises(LimitError, match=r"20 candidates of search in a row were outside latency 0\.01 ms"):
        phase(Stopwatch(), limit=0.01).train(1)


def test_another_phases_measurement_serves(phase):
    first = phase(Stopwatch())
    first.train(10)
    watch = Stopwatch()
    second = phase(watch, "again")
    second.kept.add([replace(row, where="random") for row in first.kept.all()])
    assert [t.status for t in second.train(10)] == [t.status for t in first.phase.records()]
    assert watch.sessions == []


# A driver that dies


def drive(path, kill):
    where, at = kill

    class Fatal(Stopwatch):
        def __call__(self, networks):
            now = len(self.sessions) == at
            if where == "before measuring" and now:
                os.kill(os.getpid(), signal.SIGKILL)
            found = super().__call__(networks)
            if where == "after measuring" and now:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

    def stop(done):
        if where == "while training" and done == at:
            os.kill(os.getpid(), signal.SIGKILL)

    one = SerialPhase(path, Fatal(), how=lambda g: describe(g, 0.8, 0.25))
    if where in ("after storing", "while storing"):
        add = one.kept.add

        def stored(rows):
            if where == "while storing":
                add(rows[:1])
                with open(path / "measurements.jsonl", "ab") as file:
                    file.write(b'{"where": "sea')
            else:
                add(rows)
            os.kill(os.getpid(), signal.SIGKILL)

        one.kept.add = stored
    one.train(TRAINED, stop)
    one.close()


def ended(path, kill=("never", -1)):
    process = FORK.Process(target=drive, args=(path, kill))
    process.start()
    process.join(60)
    return process.exitcode


def outcome(path):
    with Ledger.open(StudyDirectory.open(path)) as ledger:
        return [(t.number, t.status, t.digest, t.values, t.latency_ms, t.reason, t.duplicate_of) for t in ledger.records()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("screen") / "study"
    assert ended(path) == 0
    found = outcome(path)
    assert sum(status == "ok" for _, status, *_ in found) == TRAINED
    with Ledger.open(StudyDirectory.open(path)) as ledger:
        assert sum("measured_ms" in t.more for t in ledger.records()) > 2 * TOGETHER
    return found


@pytest.mark.parametrize(
    "kill",
    [
        ("before measuring", 1),
        ("after measuring", 1),
        ("while storing", 1),
        ("after storing", 1),
        ("while training", 3),
        ("while training", 8),
    ],
)
def test_a_kill_changes_nothing(tmp_path, undisturbed, kill):
    path = tmp_path / "study"
    assert ended(path, kill) == -signal.SIGKILL
    assert any(status == "running" for _, status, *_ in outcome(path))
    for _ in range(20):
        if ended(path) == 0:
            break
    after = outcome(path)
    assert not [row for row in after if row[1] == "running"]
    if kill[0] == "while storing":  # the cut-off session measures its others in another company
        assert sum(row[1] == "ok" for row in after) == TRAINED
    else:
        assert after == undisturbed


def far(g):
    """A prediction that is none: everything has to be measured."""
    f = describe(g)
    return replace(f, predicted=f.predicted._replace(extrapolated=("far outside the profile",)))


def test_a_phase_whose_sessions_let_nothing_through_gives_up(phase):
    watch = Stopwatch()
    with pytest.raises(LimitError, match=rf"{FRUITLESS} sessions of search in a row measured nothing within latency 0\.01 ms; allow more"):
        phase(watch, how=far, limit=0.01, name="random").train(4)
    assert len(watch.sessions) == FRUITLESS


def test_a_phase_that_found_something_before_ends_with_that(phase):
    """From the third session on the machine is so slow that nothing fits."""
    watch = Stopwatch(drift=lambda sessions: 1.0 if len(sessions) < 3 else 100.0)
    one = phase(watch, how=far, name="random")
    kept = sum(t.status == "ok" for t in one.train(TRAINED))
    assert 0 < kept < TRAINED
    assert len(watch.sessions) == 2 + FRUITLESS
    assert one.messages[-1].endswith("no more are proposed")

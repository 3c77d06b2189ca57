"""A machine that stays busy: the search ends with a network that is marked as not verified, and the same command completes it later."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from paper_search import REFERENCE_MS, Silent, Stopwatch, problem, profile, run, true_ms

from nasbench.analysis.study import open_study
from nasbench.cli.shared import winner_of
from nasbench.cli.text.study import show_outcome
from nasbench.engines.base import Finished
from nasbench.errors import BusyError, GenotypeError, StudyError
from nasbench.evaluate.base import WAITED
from nasbench.genotype import Genotype, digest
from nasbench.latency import Predictor, load_card
from nasbench.latency.verify import Verification
from nasbench.search.final.final_round import MOST_LATE_S
from nasbench.search.final.verified import store_verification, study_of_card
from nasbench.search.limits import Limits
from nasbench.search.time_budget import TimeBudget
from nasbench.search.timed_calls import evaluate_all
from nasbench.spaces import load_space
from nasbench.study.activity import read_activity, write_activity
from nasbench.study.directory import StudyDirectory
from nasbench.study.sampling import every

TIMES = sorted(true_ms(d.genotype) for d in every(load_space("tiny").decode))
LIMIT = Limits(latency_ms=TIMES[128] * 1.0001)
WHY = "measuring needs a quiet machine; process 7 (loop) keeps 2.0 cores; stop the other work, then give the same command again"


class Busy(Stopwatch):
    """A stopwatch on a machine that is busy from session number `after` on."""

    def __init__(self, after: int = 0, **more) -> None:
        super().__init__(**more)
        self.after, self.refused = after, 0

    def __call__(self, networks):
        if len(self.sessions) >= self.after:
            self.refused += 1
            raise BusyError(WHY)
        return super().__call__(networks)


def test_a_search_goes_on_and_delivers_a_network_that_is_marked(tmp_path, capsys):
    path, watch, listener = tmp_path / "study", Busy(), Silent()
    made = problem(watch, profile(error=0.05), limits=LIMIT, trials=8)
    outcome = run(path, made, listener)
    assert outcome.winner is None, "what was not measured does not win: exit code 3, as before"
    best = outcome.choice.unverified
    assert (best.again, best.finalist.measured) == (None, None)
    assert best.finalist.predicted.ms <= LIMIT.latency_ms
    card = load_card(path / "best" / "card.json")
    assert (card.measured, card.met, card.sure) == (None, None, False)
    assert card.unverified == WHY
    assert card.predicted == best.finalist.predicted
    assert card.digest == best.finalist.digest
    study = open_study(path)
    assert [row["network"] for row in study.summary() if row.get("unverified")] == [best.finalist.origin]
    assert not any(row["winner"] or row["measured"] for row in study.summary())
    assert not study.best()["winner"]
    refused = [t for t in study.records() if t.status == "over_budget" and "other work kept this machine busy" in (t.reason or "")]
    assert refused, "unsure ones with a prediction above the limit"
    unsure = [t for t in study.records("search") if t.status == "ok" and t.more["latency_high_ms"] > LIMIT.latency_ms]
    assert unsure, "and others with a prediction below it, though not with the whole interval, are trained"
    assert all(t.latency_ms <= LIMIT.latency_ms for t in unsure)
    assert watch.refused <= 4, "each phase asks once, then the finalists, then the winner"
    assert any("process 7 (loop) keeps 2.0 cores" in line for line in listener.messages)
    show_outcome(made.config, study, outcome, 1.0)
    shown = capsys.readouterr().out
    for words in (WHY, "best network by prediction, not verified", "NOT VERIFIED", f"nasbench verify {path}", "<- not verified"):
        assert words in shown, words
    assert "winner\n" not in shown

    calm = Stopwatch()
    again = run(path, problem(calm, profile(error=0.05), limits=LIMIT, trials=8))
    assert calm.sessions[0] == [best.finalist.origin], "the same command on a quieter day measures that network first"
    assert again.winner.again.high_ms <= LIMIT.latency_ms, "and delivers what keeps the limit when measured"
    card = load_card(path / "best" / "card.json")
    assert (card.met, card.unverified) == (True, "")


def test_a_verification_is_kept_by_the_study(tmp_path):
    """Else the same command on a busy day would deliver the network as unverified again."""
    path, card = tmp_path / "study", tmp_path / "study" / "best" / "card.json"
    outcome = run(path, problem(Busy(), profile(error=0.05), limits=LIMIT, trials=8))
    best = outcome.choice.unverified
    assert study_of_card(card) == path
    now = Stopwatch()({best.finalist.origin: Genotype.from_yaml(best.finalist.genotype)})[best.finalist.origin]
    stored = load_card(card)
    verification = Verification(replace(stored, measured=now, unverified=""), None, now, now)
    with StudyDirectory.create(path, StudyDirectory.open(path).command), pytest.raises(StudyError, match="one driver at a time"):
        store_verification(path, verification)
    store_verification(path, verification)
    row = next(row for row in open_study(path).summary() if row["digest"] == stored.digest)
    assert (row["winner"], row["measured"], "unverified" in row) == (True, True, False)
    assert row["latency_ms"] == pytest.approx(now.median_ms)
    busy = Busy()
    again = run(path, problem(busy, profile(error=0.05), limits=LIMIT, trials=8))
    assert again.winner.finalist == best.finalist
    assert busy.refused == 0, "nothing is measured again"
    assert (load_card(card).met, load_card(card).unverified) == (True, "")


def test_a_card_that_was_copied_belongs_to_no_study(tmp_path):
    assert study_of_card(tmp_path / "card.json") is None
    assert study_of_card(tmp_path / "best" / "card.json") is None


def test_finalists_that_were_measured_before_it_became_busy_are_not_verified_either(tmp_path):
    """One measurement is not enough for a delivery: the contract asks for a second session."""
    near = Limits(latency_ms=TIMES[-1] * 1.1)  # nothing is unsure, so the first session is that of the finalists
    watch = Busy(after=1)
    outcome = run(tmp_path / "study", problem(watch, profile(error=0.001), limits=near))
    assert len(watch.sessions) == 1
    assert outcome.choice.unverified.finalist.measured is not None
    assert load_card(tmp_path / "study" / "best" / "card.json").measured is None
    assert outcome.winner is None


def test_what_surely_misses_is_not_delivered_unverified(tmp_path):
    """The control: the finalists were measured, all were too slow, and only then it became busy."""
    near = Limits(latency_ms=TIMES[-1] * 1.1)
    outcome = run(tmp_path / "study", problem(Busy(after=5, drift=lambda _: 20.0), profile(error=0.001), limits=near, trials=4))
    assert outcome.choice.delivered is None
    assert not (tmp_path / "study" / "best" / "card.json").exists()


def test_a_rough_profile_gives_a_winner_that_the_quiet_machine_measures(tmp_path):
    """Profiled while other work had two thirds of the time: three times as slow, and the upper end of predictions says so."""
    rough = replace(profile(lean=3.0, error=0.05), noisy=True, why="other work disturbed 20 of 20 networks", waited=2 / 3)
    p = Predictor(rough).predict(load_space("tiny").sample(0))
    truth = true_ms(load_space("tiny").sample(0))
    assert p.ms == pytest.approx(truth, rel=0.2)
    assert p.high_ms > 2.5 * truth
    path = tmp_path / "study"
    limit = Limits(latency_ms=TIMES[128])  # not even the fastest network is surely within it
    assert 3 * TIMES[0] > limit.latency_ms
    outcome = run(path, problem(Busy(), rough, limits=limit))
    card = load_card(path / "best" / "card.json")
    assert outcome.choice.unverified is not None
    assert card.predicted.ms <= limit.latency_ms < card.predicted.high_ms
    stored = json.loads((path / "profile.json").read_text())["disturbed"]
    assert stored == {"waited": 2 / 3, "why": rough.why}
    assert not card.sure
    again = run(path, problem(Stopwatch(), rough, limits=limit))
    assert again.choice.delivered is not None, "the finalists of the busy machine, measured now; or further ones"
    assert again.winner.again.reference_ms == REFERENCE_MS, "as it was measured: the speed of a disturbed profile is not the device's"
    assert again.winner.again.median_ms == pytest.approx(true_ms(Genotype.from_yaml(again.winner.finalist.genotype)))


def test_known_networks_are_left_out_where_they_would_come_late(tmp_path, monkeypatch):
    listener = Silent()
    monkeypatch.setattr(TimeBudget, "late_with_known_s", lambda self: MOST_LATE_S + 1)
    outcome = run(tmp_path / "late", problem(Stopwatch(), limits=LIMIT), listener)
    assert outcome.winner is not None
    assert not [r for r in outcome.results if r.finalist.phase == "known"]
    assert any("the 3 known networks are not trained for comparison: the search would end 2 min 01 s after" in m for m in listener.messages)
    monkeypatch.setattr(TimeBudget, "late_with_known_s", lambda self: MOST_LATE_S)
    outcome = run(tmp_path / "soon", problem(Stopwatch(), limits=LIMIT))
    assert [r for r in outcome.results if r.finalist.phase == "known"]


def test_what_the_driver_does_is_written_while_it_does_it(tmp_path):
    path, seen = tmp_path / "study", []

    class Watching(Stopwatch):
        def __call__(self, networks):
            seen.append(str(read_activity(path)))
            return super().__call__(networks)

    run(path, problem(Watching(), profile(error=0.001), limits=Limits(latency_ms=TIMES[-1] * 1.1)))
    assert seen[0].startswith("measuring the finalists, alone on the machine since ")
    assert "measuring the winner" in seen[-1]
    assert "once more before it is delivered" in seen[-1]
    assert read_activity(path) is None, "nobody works on it any more"
    write_activity(path, "evaluating")
    write_activity(path, "evaluating", "waiting for a quiet machine")
    assert "evaluating since" in str(read_activity(path))
    assert "waiting for a quiet machine" in str(read_activity(path))
    (path / "activity.json").write_text("[]")
    assert read_activity(path) is None


def test_the_best_so_far_can_be_taken_at_any_time(tmp_path, capsys):
    path = tmp_path / "study"
    near = Limits(latency_ms=TIMES[-1] * 1.1)
    made = problem(Busy(after=5, drift=lambda _: 20.0), profile(error=0.001), limits=near, trials=4)
    run(path, made)  # without a winner
    best = open_study(path).best()
    assert digest(winner_of(path)) == best["digest"]
    said = capsys.readouterr()
    assert f"ended without a winner: this is the best trial so far, search {best['number']} with" in said.err
    assert said.out == "", "so that the YAML stays readable"
    (path / "summary.json").unlink()
    winner_of(path)
    assert "has no winner yet" in capsys.readouterr().err
    run(tmp_path / "whole", problem(Stopwatch(), limits=LIMIT))
    winner_of(tmp_path / "whole")
    assert capsys.readouterr().err == "", "the control: a winner is not the best so far"
    with pytest.raises(GenotypeError, match=r"cannot|has none"):
        winner_of(empty_study(tmp_path))


def empty_study(folder):
    """A study that was stopped before its first trial."""
    path = folder / "empty"
    path.mkdir()
    (path / "study.yaml").write_text((folder / "study" / "study.yaml").read_text())
    return path


class Slow:
    """An engine whose evaluations take 30 s, of which some were waits."""

    free = 1

    def __init__(self, *records):
        self.records, self.keys = list(records), []

    running = property(lambda self: self.keys)

    def submit(self, key, function, argument):
        self.keys.append(key)

    def wait(self, timeout=None):
        return [Finished(self.keys.pop(0), "result", self.records.pop(0), seconds=30.0)]


def test_a_plan_does_not_count_what_an_evaluation_waited():
    networks = [load_space("tiny").sample(i) for i in range(2)]
    timed = evaluate_all(Slow({"status": "ok"}, {"status": "ok", WAITED: 28.0}))(problem().evaluator, networks)
    assert [t.wall_s for t in timed] == [30.0, 2.0]

"""The log of the ledger: it is read as it was written, line by line, and tells which lines are damaged."""

from __future__ import annotations

import json

import pytest
from toy_search import chain, open_phase, record, run

from nasbench.study.database.log import TrialLog
from nasbench.study.database.optuna_rows import PhaseIdentity
from nasbench.study.trial import read_trial


def trials_of(log):
    return [read_trial(phase, trial) for (phase, _), trial in log.read().items()]


def test_it_holds_the_same_trials_as_the_ledger(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study", directions=("maximize", "minimize"))
    with directory, ledger:
        run(phase, 5)
        phase.ask(chain)
        phase.tell(phase.ask(chain).number, {"status": "over_budget", "constraints": {"latency": float("inf")}, "reason": "21 ms"})
        log = TrialLog(directory.log)
        assert trials_of(log) == phase.records() == ledger.records()
    assert log.phases["search"].directions == ("maximize", "minimize")
    assert log.phases["search"].identity["seed"] == 3
    assert log.damaged == 0


def test_a_reader_follows_it(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    log = TrialLog(directory.log)
    with directory, ledger:
        assert log.read() == {}
        first, second = phase.ask(chain), phase.ask(chain)
        assert [t.status for t in trials_of(log)] == ["running", "running"]
        phase.pause(first.number, record(first.network), 1)
        phase.tell(second.number, record(second.network))
        assert trials_of(log) == phase.records()
        phase.promote(first.number)
        assert trials_of(log) == phase.records()[:1]
        assert log.read() == {}
        phase.tell(first.number, record(first.network))
        [last] = trials_of(log)
        assert (last.status, last.rungs) == ("ok", phase.records()[0].rungs)


def test_a_resumed_driver_continues_it(closed_study):
    before = (closed_study / "ledger.jsonl").read_text()
    directory, ledger, phase = open_phase(closed_study)
    with directory, ledger:
        run(phase, 8)
        assert trials_of(TrialLog(directory.log)) == phase.records()
    after = (closed_study / "ledger.jsonl").read_text()
    assert after.startswith(before)
    texts = [text for line in after.splitlines() for text in json.loads(line).get("distributions", {}).values()]
    assert len(texts) == len(set(texts)), "each distribution is written once"


@pytest.mark.parametrize("torn", [b'{"phase": "search", "numb', b"{", b"\x00"])
def test_a_torn_last_line_is_removed_by_the_next_driver(torn, closed_study):
    with open(closed_study / "ledger.jsonl", "ab") as file:
        file.write(torn)
    log = TrialLog(closed_study / "ledger.jsonl")
    assert len(trials_of(log)) == 5
    assert log.damaged == 0, "nothing that was stored"
    directory, ledger, phase = open_phase(closed_study)
    with directory, ledger:
        run(phase, 6)
        assert trials_of(TrialLog(directory.log)) == phase.records()


def test_a_damaged_line_is_counted_and_the_others_are_read(closed_study):
    path = closed_study / "ledger.jsonl"
    whole = trials_of(TrialLog(path))
    lines = path.read_bytes().splitlines(keepends=True)
    for number in range(len(lines)):
        for spoilt in (b"", b"\xff\xfe\n", b"[1]\n", b'{"crc32": 1}\n', lines[number].replace(b'"', b"'", 1), lines[number][:-20] + b"\n"):
            path.write_bytes(b"".join([*lines[:number], spoilt, *lines[number + 1 :]]))
            log = TrialLog(path)
            read = trials_of(log)
            assert log.damaged >= (spoilt != b"")
            assert all(trial in whole or trial.status == "running" for trial in read), "no other trial is invented"


def test_a_file_that_was_replaced_is_read_again(closed_study):
    log = TrialLog(closed_study / "ledger.jsonl")
    trials = log.read()
    generation = log.generation
    other = TrialLog(closed_study / "ledger.jsonl")
    other.read()
    other.write({"search": PhaseIdentity(("maximize",))}, [(phase, trial) for (phase, _), trial in list(trials.items())[:2]])
    assert len(log.read()) == 2
    assert log.generation == generation + 1
    (closed_study / "ledger.jsonl").unlink()
    assert log.read() == {}
    assert log.generation == generation + 2

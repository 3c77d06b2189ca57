"""A call always gives an answer: its result, or the reason why there is none. The engines' tests run more of them in processes."""

from __future__ import annotations

import jobs
import pytest

from nasbench.engines.calls import MAX_ANSWER, describe, read_answer, run_call, timed_out, with_answer
from nasbench.errors import StudyError


def answer_of(function, argument):
    return read_answer(run_call(function, argument))


def refuse(_):
    raise StudyError("a study needs a name")


@pytest.mark.parametrize(
    ("function", "argument", "answer"),
    [
        (jobs.double, 4, ("result", 8)),
        (refuse, None, ("error", "a study needs a name")),  # a message of ours needs no class
        (jobs.fail, "first\nsecond", ("error", "ValueError: first second")),
        (jobs.leave, 3, ("error", "SystemExit: 3")),
        (jobs.fail, "x" * 5000, ("error", "ValueError: " + "x" * 300)),
        (jobs.large, MAX_ANSWER, ("error", "a trial's result has at most 60000 bytes; this one has 60029; keep large data in its folder")),
    ],
)
def test_answers(function, argument, answer):
    assert answer_of(function, argument)[:2] == answer


def test_the_largest_result_is_sent():
    assert answer_of(jobs.large, MAX_ANSWER - 100) == ("result", b"x" * (MAX_ANSWER - 100))


def test_an_error_has_its_traceback():
    *_, trace = answer_of(jobs.fail, "no")
    assert trace.endswith("raise ValueError(message)\nValueError: no\n")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZeroDivisionError("division  by\nzero"), "ZeroDivisionError: division by zero"),
        (KeyError(), "KeyError"),
        (MemoryError(), "MemoryError: out of memory"),
        (MemoryError("12 GB"), "MemoryError: out of memory (12 GB)"),
    ],
)
def test_an_error_on_one_line(error, text):
    assert describe(error) == text


def test_how_a_call_ended():
    result, error, late = (
        with_answer("a", ("result", 1), 0.5, 0),
        with_answer("b", ("error", "no", "trace"), 0.5),
        timed_out("c", 1.0, 1.04, -9),
    )
    assert (result.key, result.end, result.result, result.exit_code) == ("a", "result", 1, 0)
    assert (error.key, error.end, error.reason, error.traceback) == ("b", "error", "no", "trace")
    assert (late.key, late.end, late.reason, late.exit_code) == ("c", "timeout", "a trial has 1 s; it was killed after 1.0 s", -9)

"""Progress where stderr is not a terminal: one line for each stage and step."""

from __future__ import annotations

import io
import re

import pytest

from nasbench.progress import Reporter


@pytest.fixture
def lines(capsys):
    def read() -> list[str]:
        out, err = capsys.readouterr()
        assert out == ""  # stdout is for results
        return err.splitlines()

    return read


def test_stages_and_steps_with_the_time_left(lines):
    with Reporter() as report:
        report.stage("search", 3)
        report.step("trial 0")
        report.step("trial 1")
        report.step("trial 2")
    stage, *steps = lines()
    assert stage == "search"
    assert re.fullmatch(r"\[1/3\] trial 0; about .* left", steps[0])
    assert re.fullmatch(r"\[2/3\] trial 1; about .* left", steps[1])
    assert steps[2] == "[3/3] trial 2"


def test_steps_of_an_earlier_run_are_counted_silently(lines):
    with Reporter() as report:
        report.stage("search", 3)
        report.step()
        report.step("trial 1")
    assert lines()[1].startswith("[2/3] trial 1; about")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_is_away_while_others_print_to_the_terminal(monkeypatch):
    """The plan goes to stdout, the bar to stderr; a terminal shows both."""
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    with Reporter() as report:
        report.stage("timing the evaluator", 3)
        report.rounds(1, 3)

        def show(text):
            seen.append(terminal.getvalue())
            terminal.write(text)

        seen = []
        report.without_bar(show)("the plan\n")
        report.rounds(2, 3)
    assert "timing the evaluator" in seen[0]
    assert seen[0].endswith(("\x1b[2K", "\x1b[1A\x1b[2K")), "the line of the bar is empty when the plan begins"
    assert "timing the evaluator" in terminal.getvalue().partition("the plan\n")[2], "and it comes back"


def test_a_stage_of_unknown_length(lines):
    with Reporter() as report:
        report.stage("search")
        report.step("trial 0")
        report.say("note")
    assert lines() == ["search", "[1/?] trial 0", "note"]


def test_the_number_of_steps_and_the_time_left_may_be_corrected(lines):
    with Reporter() as report:
        report.stage("search", 3)
        report.expect(10, 120.0)
        report.rounds(1, 10)
        report.step("trial 0")
    assert lines()[1] == "[1/10] trial 0; about 2 min 00 s left"

"""The output of `nasbench status`, once or live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nasbench.analysis.status import StudyState
from nasbench.analysis.study import Study
from nasbench.cli.shared import console, say
from nasbench.errors import StudyError
from nasbench.genotype.units import show_duration


def show_state(study: Study) -> None:
    """Print the state of a study once."""
    console.print(_drawn(study, study.state()))


def watch_study(study: Study, every_s: float) -> None:
    """Show the state of a study until no driver works on it.

    A terminal is updated in place; elsewhere a line is printed after every change. Ctrl-C stops the watching, not the study.
    """
    with suppress(KeyboardInterrupt):
        if console.is_terminal:
            with Live(_drawn(study, study.state()), console=console, auto_refresh=False) as live:
                for state in _moments(study, every_s):
                    live.update(_drawn(study, state), refresh=True)
        else:
            last = ""
            for state in _moments(study, every_s):
                line = _line(state)
                if line != last:
                    say(line)
                last = line
            show_state(study)


def _moments(study: Study, every_s: float) -> Iterator[StudyState]:
    """The state at every look; the last one after the driver has ended."""
    while True:
        try:
            state = study.state()
        except StudyError:
            if not study.driver:
                raise
            time.sleep(every_s)  # the driver is writing; the next look will succeed
            continue
        yield state
        if state.driver is None:
            return
        time.sleep(every_s)


def _drawn(study: Study, s: StudyState) -> Group:
    grid = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("phase", "left"), ("planned", "right"), ("trials", "left"), ("best so far", "left")):
        grid.add_column(name, justify=justify)  # type: ignore[arg-type] # a value that rich knows
    for phase in s.counts:
        grid.add_row(phase, str(s.planned.get(phase, "")), s.counts_text(phase), s.best_text(phase))
    working = f"a driver works on it (pid {s.driver['pid']} on {s.driver['host']})" if s.driver else "no driver works on it"
    lines = [f"{study.path}: {working}; {s.progress}", *study.data_lines, *([f"now: {s.activity}"] if s.activity else [])]
    lines += [*([_pace(s)] if s.trained else []), *([f"newest: {s.last}"] if s.last else [])]
    return Group(*(Text(line) for line in lines), *([grid] if s.counts else [Text("no trial yet")]))


def _pace(s: StudyState) -> str:
    words = [f"{s.trained} trainings in {show_duration(s.seconds)} of one worker"]
    words += [f"{s.per_hour:.0f} an hour"] if s.per_hour is not None else []
    words += [f"about {show_duration(s.left_s)} left"] if s.left_s is not None and not s.finished else []
    return ", ".join(words)


def _line(s: StudyState) -> str:
    """The state as one line, for a log."""
    counts = "; ".join(f"{phase}: {s.counts_text(phase)}" for phase in s.counts)
    return f"{counts or 'no trial yet'}{f'; newest {s.last}' if s.last else ''}{f'; now {s.activity}' if s.activity else ''}"

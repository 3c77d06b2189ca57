"""What `status` shows, once or live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nasbench.analysis.state import StudyState, study_state
from nasbench.analysis.study import Study
from nasbench.cli.shared import console, say
from nasbench.errors import StudyError
from nasbench.genotype.units import show_duration


def show_state(study: Study) -> None:
    """Print it once."""
    console.print(_drawn(study, study_state(study)))


def watch_study(study: Study, every_s: float) -> None:
    """Show it anew until no driver works on it; on a terminal in place, elsewhere a line whenever something has changed.

    Ctrl-C ends the watching, not the study.
    """
    with suppress(KeyboardInterrupt):
        if console.is_terminal:
            with Live(_drawn(study, study_state(study)), console=console, auto_refresh=False) as live:
                for found in _moments(study, every_s):
                    live.update(_drawn(study, found), refresh=True)
        else:
            said = ""
            for found in _moments(study, every_s):
                line = _line(found)
                if line != said:
                    say(line)
                said = line
            show_state(study)


def _moments(study: Study, every_s: float) -> Iterator[StudyState]:
    """The study at each look; the last one after its driver has gone."""
    while True:
        try:
            found = study_state(study)
        except StudyError:
            if not study.driver:
                raise
            time.sleep(every_s)  # the driver is in the middle of something; the next look will tell
            continue
        yield found
        if found.driver is None:
            return
        time.sleep(every_s)


def _drawn(study: Study, s: StudyState) -> Group:
    made = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("phase", "left"), ("planned", "right"), ("trials", "left"), ("best so far", "left")):
        made.add_column(name, justify=justify)  # type: ignore[arg-type] # one of rich's words
    for phase, counts in s.counts.items():
        best = s.best.get(phase)
        at = f" at {best.latency_ms:.1f} ms" if best and best.latency_ms is not None else ""
        shown = f"{best.accuracy:.1%}{at} ({phase} {best.number})" if best else ""
        made.add_row(phase, str(s.planned.get(phase, "")), ", ".join(f"{n} {word}" for word, n in sorted(counts.items())), shown)
    working = f"a driver works on it (pid {s.driver['pid']} on {s.driver['host']})" if s.driver else "no driver works on it"
    end = "finished" if s.finished else "in progress" if s.driver else "not finished: `nasbench resume` goes on"
    lines = [f"{study.path}: {working}; {end}", *([_pace(s)] if s.trained else []), *([f"newest: {s.last}"] if s.last else [])]
    return Group(*(Text(line) for line in lines), *([made] if s.counts else [Text("no trial yet")]))


def _pace(s: StudyState) -> str:
    said = [f"{s.trained} trainings in {show_duration(s.seconds)} of one worker"]
    said += [f"{s.per_hour:.0f} an hour"] if s.per_hour is not None else []
    said += [f"about {show_duration(s.left_s)} left"] if s.left_s is not None and not s.finished else []
    return ", ".join(said)


def _line(s: StudyState) -> str:
    """One moment for a log."""
    counts = "; ".join(f"{phase}: {', '.join(f'{n} {w}' for w, n in sorted(c.items()))}" for phase, c in s.counts.items())
    return f"{counts or 'no trial yet'}{f'; newest {s.last}' if s.last else ''}"

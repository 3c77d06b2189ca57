"""The way of the main job in docs/architecture.md is the way that a search takes."""

from __future__ import annotations

import ast
import multiprocessing
import re
import sys
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

import nasbench
from nasbench.cli.main import INTERRUPTED
from nasbench.engines.calls import run_call
from nasbench.engines.local import engine

ROOT = Path(nasbench.__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()


class Stop(NamedTuple):
    file: str
    function: str


STOPS = [Stop(*groups) for groups in re.findall(r"^\d+\. `(nasbench/[\w/]+\.py)` `([\w.]+)`", PAGE, re.MULTILINE)]


def defined(path: Path) -> set[str]:
    """The functions of a file and the methods of its classes, as `f` and `Class.method`."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        names |= {prefix + f.name for f in inner if isinstance(f, ast.FunctionDef)}
    return names


def missed(stops: list[Stop], calls: list[Stop]) -> Stop | None:
    """The first of the stops that was not called after the ones before it."""
    called = iter(calls)
    return next((stop for stop in stops if stop not in called), None)


class InThisProcess:
    """Stands in for the processes that the local engine starts, so that what a trial calls is seen."""

    Pipe = staticmethod(multiprocessing.Pipe)

    class Process:
        pid, exitcode = None, None

        def __init__(self, target, args, name) -> None:
            self._sender, self._function, self._argument, self._log, _ = args

        def start(self) -> None:
            self._sender.send_bytes(run_call(self._function, self._argument, self._log))
            self.exitcode = 0

        def close(self) -> None:
            pass

        kill = join = close


@pytest.fixture
def calls(call, nasbench, monkeypatch) -> list[Stop]:
    """The calls of the page's functions in a small search, until the first trial is recorded."""
    monkeypatch.setattr(engine, "multiprocessing", SimpleNamespace(get_context=lambda _: InThisProcess))
    monkeypatch.setattr(engine, "_start_server", lambda preload: None)
    known = {str(ROOT / stop.file) for stop in STOPS}
    calls: list[Stop] = []

    def watch(frame, event, _):
        """Called for each call of a Python function, since it returns no function that would be called for each line."""
        code = frame.f_code
        if code.co_filename in known:
            calls.append(Stop(str(Path(code.co_filename).relative_to(ROOT)), code.co_qualname))
            if calls[-1] == STOPS[-1]:
                return stop_at_return
        return None

    def stop_at_return(frame, event, _):
        if event == "return":
            raise KeyboardInterrupt
        return stop_at_return

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        ended = call(*nasbench.search("--jobs", "1", "--known", "shufflenet_v2_x1_0", trials=1))
    finally:
        sys.settrace(before)
    assert ended.returncode == INTERRUPTED, ended.stderr
    return calls


def test_every_stop_exists() -> None:
    assert STOPS
    assert [stop for stop in STOPS if stop.function not in defined(ROOT / stop.file)] == []
    assert [int(n) for n in re.findall(r"^(\d+)\. `nasbench/", PAGE, re.MULTILINE)] == list(range(1, len(STOPS) + 1))


def test_the_way_is_short() -> None:
    visits = [file for file, _ in groupby(stop.file for stop in STOPS)]
    assert len(STOPS) <= 40
    assert len(set(visits)) <= 22
    assert len(visits) - len(set(visits)) <= 3, "returns to a file that was left"


def test_a_search_takes_this_way(calls) -> None:
    assert missed(STOPS, calls) is None
    for i in range(1, len(STOPS)):  # a control: the wrong order is noticed, except where a stop is called again later
        swapped = [*STOPS[: i - 1], STOPS[i], STOPS[i - 1], *STOPS[i + 1 :]]
        assert missed(swapped, calls) is not None or calls.count(STOPS[i]) > 1, STOPS[i]

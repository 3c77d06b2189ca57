"""One call in a worker's process, and its answer as bytes that travel back: the same for every engine."""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nasbench.engines.base import Finished
from nasbench.errors import NasbenchError, one_line

# An answer that fits into a pipe's buffer (64 KiB on Linux) is sent without the driver's help: neither side can hang on it.
MAX_ANSWER = 60_000


def answered(function: Callable[[Any], Any], argument: Any, log: Path | None = None) -> bytes:
    """What `function(argument)` comes to, whatever that is: `("result", value)` or `("error", reason, traceback)`, pickled."""
    with _output_to(log):
        try:
            return _packed(function(argument))
        except BaseException as error:  # noqa: BLE001 -- also SystemExit: whatever ends a trial must reach the driver as its reason
            reason = str(error) if isinstance(error, NasbenchError) else describe(error)
            trace = "".join(traceback.format_exception(error))
            if log is not None:
                sys.stderr.write(trace)
            return pickle.dumps(("error", reason[:2000], trace[-8000:]))


def read_answer(message: bytes) -> tuple[Any, ...]:
    """The answer that a worker of ours sent."""
    try:
        answer: tuple[Any, ...] = pickle.loads(message)  # noqa: S301 -- from our own worker
    except Exception as error:  # noqa: BLE001 -- its class cannot be imported here, or its constructor raises
        return ("error", f"a trial's result has to be readable by the driver; {describe(error)}", "")
    return answer


def finished(key: Hashable, answer: tuple[Any, ...], seconds: float, exit_code: int | None = None) -> Finished:
    """A call that has answered."""
    kind, value, *trace = answer
    if kind == "result":
        return Finished(key, "result", value, exit_code=exit_code, seconds=seconds)
    return Finished(key, "error", reason=value, traceback=trace[0], exit_code=exit_code, seconds=seconds)


def too_long(key: Hashable, limit_s: float | None, seconds: float, exit_code: int | None = None) -> Finished:
    """A call that was killed for its time."""
    reason = f"a trial has {limit_s:g} s; it was killed after {seconds:.1f} s"
    return Finished(key, "timeout", reason=reason, exit_code=exit_code, seconds=seconds)


def describe(error: BaseException) -> str:
    """`ZeroDivisionError: division by zero`, on one line."""
    if isinstance(error, MemoryError):
        return f"MemoryError: out of memory{f' ({error})' if str(error) else ''}"
    return one_line(error)


def _packed(result: Any) -> bytes:
    try:
        answer = pickle.dumps(("result", result))
    except Exception as error:  # noqa: BLE001 -- pickle has no exception of its own for most of what it cannot do
        reason = f"a trial's result has to be plain data; {describe(error)}"
        return pickle.dumps(("error", reason, ""))
    if len(answer) > MAX_ANSWER:
        reason = f"a trial's result has at most {MAX_ANSWER} bytes; this one has {len(answer)}; keep large data in its folder"
        return pickle.dumps(("error", reason, ""))
    return answer


@contextmanager
def _output_to(log: Path | None) -> Iterator[None]:
    """Output of the call, native code's too, goes to its own file; crashes leave a stack trace there."""
    if log is None:
        yield
        return
    before = os.dup(1), os.dup(2)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    _divert(fd, fd)
    os.close(fd)
    faulthandler.enable(2)
    try:
        yield
    finally:
        _divert(*before)
        for fd in before:
            os.close(fd)


def _divert(out: int, err: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(out, 1)
    os.dup2(err, 2)

"""The worker's side of the Ray engine: a Tune trainable that runs one call after another, a result each. Imports Ray."""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import platform
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ray import tune

from nasbench.engines.calls import describe, run_call
from nasbench.engines.file_transfer import FileTransfer, at_hand
from nasbench.study.driver_lock import start_ticks

ANSWER = "answer"  # of a trial's results
IDLE_S, LONG_IDLE_S = 0.1, 1.0  # between two looks of an idle worker for its next call: twice as long each time, at most the second
INHERITED = ("NASBENCH_CACHE", "XDG_CACHE_HOME")  # where the machine's measurement lock lies
Prepare = Callable[[Any], None]


@dataclass(frozen=True)
class Host:
    """A machine since it was started; two containers of one machine are two."""

    name: str
    boot: str

    @classmethod
    def here(cls) -> Host:
        with suppress(OSError):
            return cls(platform.node(), Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        return cls(platform.node(), "")


@dataclass(frozen=True)
class Driver:
    """The process that waits for the results, and what its workers take over from it where they share its machine.

    Attributes:
        start: in clock ticks since boot, which tells it from a later process of the same number.
        path: where Python looks for modules; environment: variables to set.
    """

    host: Host
    pid: int
    start: int | None
    folder: str
    umask: int
    path: tuple[str, ...]
    environment: dict[str, str]

    @classmethod
    def here(cls) -> Driver:
        """This process."""
        mask = os.umask(0o077)
        os.umask(mask)
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return cls(Host.here(), os.getpid(), start_ticks(os.getpid()), os.getcwd(), mask, tuple(sys.path), environment)

    @property
    def near(self) -> bool:
        """Whether this process is on the driver's machine."""
        return self.host == Host.here()


@dataclass(frozen=True)
class Call:
    """A call on its way: Tune sees nothing of it but its number."""

    number: int
    payload: bytes  # the pickled function, argument and carrier: a worker knows where modules are only when it has begun
    log: Path | None
    limit_s: float | None
    luggage: FileTransfer | None = None

    def __repr__(self) -> str:
        return f"call {self.number}"


class Worker(tune.Trainable):
    """A worker: takes a call, answers it, and is given the next. What is wrong with it is said as a call's answer."""

    def setup(  # type: ignore[override] # Tune adds what `with_parameters` was given
        self, config: dict[str, Any], driver: Driver, preload: tuple[str, ...], prepare: tuple[Prepare, Any] | None
    ) -> None:
        self._call: Call | None = None
        self._idle_s = IDLE_S
        self._wrong = ""
        try:
            settle(driver)
            for module in preload:
                importlib.import_module(module)
            if prepare is not None:
                function, data = prepare
                function(data)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is the same for every call, and the driver says it
            self._wrong = f"a worker on {platform.node()} cannot begin: {describe(error)}"

    def take(self, call: Call) -> None:
        """Be given the call of the next step."""
        self._call = call

    def step(self) -> dict[str, Any]:
        call, self._call = self._call, None
        if call is None:
            time.sleep(self._idle_s)
            self._idle_s = min(2 * self._idle_s, LONG_IDLE_S)
            return {}
        started, self._idle_s = time.monotonic(), IDLE_S
        answer, files = (pickle.dumps(("error", self._wrong, "")), None) if self._wrong else self._answer(call)
        return {ANSWER: (answer, time.monotonic() - started, files)}

    def _answer(self, call: Call) -> tuple[bytes, dict[str, bytes] | None]:
        files: dict[str, bytes] = {}

        def run(payload: bytes) -> Any:
            function, argument, carrier = pickle.loads(payload)  # noqa: S301 -- from our own driver
            with at_hand(call.luggage, carrier, argument, files) as placed:
                return function(placed)

        try:
            # The kernel ends the process when its time is over, whatever it is busy with.
            signal.setitimer(signal.ITIMER_REAL, call.limit_s or 0.0)
            return run_call(run, call.payload, call.log), files or None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            _tidy()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: what a trial keeps is in its own folder."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing."""


def settle(driver: Driver) -> None:
    """Make this process like one of the local engine: it shares folder and environment with the driver, and dies with it."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if not driver.near:
        return  # the cluster ends the workers of a driver that is gone
    os.umask(driver.umask)
    os.environ.update(driver.environment)
    sys.path += [place for place in driver.path if place not in sys.path]
    with suppress(OSError):
        os.chdir(driver.folder)
    try:
        fd = os.pidfd_open(driver.pid)
    except OSError:
        _die()
    if driver.start is not None and start_ticks(driver.pid) != driver.start:
        _die()
    threading.Thread(target=_follow, args=(fd,), daemon=True, name="follow-driver").start()


def _follow(fd: int) -> None:
    select.select([fd], [], [])
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _tidy() -> None:
    """Leave nothing on a GPU that others share between two trials."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def describe_node() -> dict[str, Any]:
    """What a node says of itself, run there before the first trial."""
    return {"host": Host.here(), "versions": {name: metadata.version(name) for name in ("nasbench", "torch", "numpy")}}

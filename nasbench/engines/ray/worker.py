"""The worker of the Ray engine: a Tune trainable that runs one call after another, one in each step. Imports Ray."""

from __future__ import annotations

import gc
import importlib
import pickle
import platform
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from ray import tune

from nasbench.engines.calls import describe, run_call
from nasbench.engines.messages import Send, messages_to
from nasbench.engines.ray.call_queue import Call
from nasbench.engines.ray.driver import Driver, attach_to
from nasbench.engines.ray.mailbox import sender

ANSWER = "answer"  # key of an answer in the result of a step
# An idle worker waits between two looks for its next call: first IDLE_S, then twice as long each time, up to LONG_IDLE_S.
IDLE_S, LONG_IDLE_S = 0.1, 1.0


class Worker(tune.Trainable):
    """Runs the call that `receive` gave it, in a step of Tune. A worker that cannot start answers each call with the reason."""

    def setup(  # type: ignore[override] # Tune adds the arguments of `with_parameters`
        self,
        config: dict[str, Any],
        driver: Driver,
        preload: tuple[str, ...],
        prepare: tuple[Callable[[Any], None], Any] | None,
        mailbox: Any = None,
    ) -> None:
        self._call: Call | None = None
        self._idle_s = IDLE_S
        self._fault = ""
        self._send: Send = (lambda _: None) if mailbox is None else sender(mailbox)
        try:
            attach_to(driver)
            for module in preload:
                importlib.import_module(module)
            if prepare is not None:
                function, data = prepare
                function(data)
        except Exception as error:  # noqa: BLE001 -- any error here would end every call, so the driver must report it
            self._fault = f"a worker on {platform.node()} cannot begin: {describe(error)}"

    def receive(self, call: Call) -> None:
        """Keep the call for the next step."""
        self._call = call

    def step(self) -> dict[str, Any]:
        """Run the call, or wait a moment if there is none. The result has `(answer, seconds, files)` under ANSWER if there was one."""
        call, self._call = self._call, None
        if call is None:
            time.sleep(self._idle_s)
            self._idle_s = min(2 * self._idle_s, LONG_IDLE_S)
            return {}
        started, self._idle_s = time.monotonic(), IDLE_S
        with messages_to(self._send):
            answer, files = (pickle.dumps(("error", self._fault, "")), None) if self._fault else _run(call)
        return {ANSWER: (answer, time.monotonic() - started, files)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing: a trial keeps its checkpoint in its own folder."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing."""


def _run(call: Call) -> tuple[bytes, dict[str, bytes] | None]:
    """The pickled answer of a call, and the files to send back, if any."""
    files: dict[str, bytes] = {}

    def unpickle_and_run(payload: bytes) -> Any:
        function, argument, folder_argument = pickle.loads(payload)  # noqa: S301 -- from our own driver
        if call.transfer is None or folder_argument is None:
            return function(argument)
        with call.transfer.folder_for_worker(files) as folder:
            return function(folder_argument.replace(argument, folder))

    try:
        # When the time is over the kernel ends this process, whatever it is busy with.
        signal.setitimer(signal.ITIMER_REAL, call.limit_s or 0.0)
        return run_call(unpickle_and_run, call.payload, call.log), files or None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        _free_gpu_memory()


def _free_gpu_memory() -> None:
    """Free the memory of a GPU that this worker shares with others, between two calls."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()

"""Start the processes of a training, pass on what the first one says, and end all of them when one fails."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from nasbench.errors import NasbenchError, NasbenchWarning, first_line, one_line
from nasbench.plugins import Plugin, loaded_plugins, use_plugin
from nasbench.processes import TemporaryFolder, cause_of_death, main_hidden
from nasbench.training.delivery.listener import Listener
from nasbench.training.group import Group

FOREVER = timedelta(days=365)  # processes wait for each other as long as they live; the parent notices one that ends
GRACE_S = 2.0  # after a failure: another process may say why
_PR_SET_PDEATHSIG = 1

Work = Callable[[Any, Group, Listener], Any]  # a module's function of its argument


@dataclass(frozen=True)
class _Task:
    """What a process needs to begin."""

    group: Group
    device: str
    store: str
    plugins: tuple[Plugin, ...]


def run_in_processes(size: int, device: str, work: Work, argument: Any, listener: Listener) -> Any:
    """Call `work(argument, group, listener)` in `size` processes that form a group, and return the answer of the first.

    The tensors in `argument` are shared, not copied. With `device` cuda each process has a GPU of its own.

    Raises:
        NasbenchError: a process raised it, or was killed. Whatever is raised, all processes have ended.
    """
    context = multiprocessing.get_context("spawn")
    processes, receivers = [], []
    with TemporaryFolder("group") as folder:
        try:
            for rank in range(size):
                receiver, sender = context.Pipe(duplex=False)
                task = _Task(Group(rank, size), device, str(folder / "store"), loaded_plugins())
                process = context.Process(target=_process, args=(sender, task, work, argument), name=f"training process {rank + 1}")
                with main_hidden(work), _interrupts_blocked(), sender:
                    process.start()
                processes.append(process)
                receivers.append(receiver)
            return _attend(processes, receivers, listener)
        except RuntimeError as error:
            if "shared memory" not in str(error) and "No space left" not in str(error):
                raise
            raise NasbenchError(
                f"processes share the images in /dev/shm, which is too small ({first_line(error)}); give it more space, "
                "such as docker run --shm-size=16g, or train with one process"
            ) from None
        finally:
            for process in processes:
                process.kill()
            for process, receiver in zip(processes, receivers, strict=True):
                process.join()
                receiver.close()


def _attend(processes: Sequence[Any], receivers: Sequence[Connection], listener: Listener) -> Any:
    """Pass on what the processes say until all have ended; returns the answer of the first.

    Raises:
        NasbenchError: see `run_in_processes`.
    """
    waiting: dict[Any, int] = {receiver: rank for rank, receiver in enumerate(receivers)}
    answers: dict[int, Any] = {}
    errors: dict[int, tuple[float, BaseException]] = {}
    died: list[int] = []
    end: float | None = None
    while waiting and (end is None or time.monotonic() < end):
        ready: list[Any] = wait(list(waiting), None if end is None else max(0.0, end - time.monotonic()))
        for receiver in ready:
            rank = waiting[receiver]
            try:
                kind, value = receiver.recv()
            except (EOFError, OSError):
                del waiting[receiver]
                continue
            if kind == "answer":
                answers[rank] = value
            elif kind == "error":
                errors[rank] = value
            elif kind == "warning":
                warnings.warn(value, stacklevel=2)
            else:
                getattr(listener, kind)(*value)
        died = [rank for rank in range(len(processes)) if rank not in {*waiting.values(), *answers, *errors}]
        if end is None and (died or errors):
            end = time.monotonic() + GRACE_S
    if not died and not errors:
        return answers[0]
    said = [error for _, error in sorted(errors.values(), key=lambda entry: entry[0])]
    ours = [error for error in said if isinstance(error, NasbenchError)]
    if ours:
        raise ours[0]
    if died:  # the others then lack its messages, and say that
        process = processes[died[0]]
        process.join(GRACE_S)
        raise NasbenchError(
            f"{len(processes)} processes train the network together; process {died[0] + 1} {cause_of_death(process.exitcode)}; "
            "give the same command again to continue"
        )
    raise said[0]


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let a process begin with ^C blocked, which it inherits: the parent ends it, and it would print a traceback."""
    resource_tracker.ensure_running()  # first, because it unblocks ^C when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Remote:
    """The listener of a process: passes on what the first process says."""

    def __init__(self, sender: Connection, group: Group) -> None:
        self._send = sender.send if group.is_first else (lambda message: None)

    def stage(self, name: str, total: int | None = None) -> None:
        self._send(("stage", (name, total)))

    def step(self, message: str | None = None) -> None:
        self._send(("step", (message,)))

    def say(self, message: str) -> None:
        self._send(("say", (message,)))

    def rounds(self, done: int, total: int) -> None:
        self._send(("rounds", (done, total)))

    def warn(self, message: Warning | str, category: type[Warning], *place: Any, **rest: Any) -> None:
        """Takes the place of `warnings.showwarning`."""
        if isinstance(message, NasbenchWarning):
            self._send(("warning", message))


def _process(sender: Connection, task: _Task, work: Work, argument: Any) -> None:
    """Target of a process."""
    _die_with_parent()
    remote = _Remote(sender, task.group)
    warnings.showwarning = remote.warn
    try:
        for plugin in task.plugins:
            use_plugin(plugin)
        _join(task)
        answer = work(argument, task.group, remote)
        distributed.barrier()  # nobody leaves while another one may still send
        sender.send(("answer", answer))
        distributed.destroy_process_group()
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        now = time.monotonic()
        error.add_note(f"in training process {task.group.rank + 1}:\n{traceback.format_exc()}")
        try:
            sender.send(("error", (now, error)))
        except Exception:  # noqa: BLE001 - an error that cannot be pickled
            sender.send(("error", (now, RuntimeError(one_line(error)))))
        sender.close()
        os._exit(1)  # without waiting for messages of the others


def _join(task: _Task) -> None:
    """Find the other processes."""
    if task.device == "cuda":
        torch.cuda.set_device(task.group.rank)
    elif sys.platform == "linux" and Path("/sys/class/net/lo").exists():
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all are on this machine, so nothing need listen to others
    store = distributed.FileStore(task.store, task.group.size)
    backend = "nccl" if task.device == "cuda" else "gloo"
    device = torch.device("cuda", task.group.rank) if task.device == "cuda" else None
    distributed.init_process_group(
        backend, store=store, rank=task.group.rank, world_size=task.group.size, timeout=FOREVER, device_id=device
    )


def _die_with_parent() -> None:
    """End this process when the parent is killed. The kernel does that on Linux; elsewhere a thread waits for its end."""
    parent = multiprocessing.parent_process()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent.pid:  # it was killed before the call to prctl
            os._exit(1)
    elif parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: Any) -> None:
    parent.join()
    os._exit(1)

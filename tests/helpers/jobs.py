"""What a worker's process is given to do; imports little, since each process imports it anew."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path


def double(x):
    return 2 * x


def fail(message):
    raise ValueError(message)


def exhaust(_):
    raise MemoryError


def leave(code):
    sys.exit(code)


def die(number):
    os.kill(os.getpid(), number)


def hang(file):
    """With a child of its own, and deaf to polite signals; writes both process ids."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        time.sleep(600)
    tell_pids(file, os.getpid(), child)
    time.sleep(600)


def hold_interpreter(file):
    """Native code that never lets another thread run."""
    tell_pids(file, os.getpid())
    re.match(r"(a+)+$", "a" * 60 + "b")


def tell_pids(file, *pids):
    temporary = file.with_suffix(".part")
    temporary.write_text(" ".join(map(str, pids)))
    temporary.rename(file)


def answer_and_stay(_):
    """The answer is sent, but the process does not end: an interpreter waits for such threads."""
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "answer"


def large(size):
    return b"x" * size


def lock(_):
    return threading.Lock()


class Grudging(Exception):
    """Pickles, but cannot be made again from its arguments."""

    def __init__(self, a, b):
        super().__init__(a)


def grudging(_):
    return Grudging(1, 2)


def say(text):
    print(text)
    sys.stdout.flush()
    os.write(2, b"native\n")
    os.abort()


def sleep(task):
    file, seconds = task
    tell_pids(file, os.getpid())
    time.sleep(seconds)
    return "slept"


def variable(name):
    return os.environ.get(name)


def process(_):
    return os.getpid()


def spoil(_):
    """What one trial may leave behind in a process that others use after it."""
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(99)
    torch.rand(1000)
    torch.backends.cudnn.benchmark = True
    os.umask(0o077)
    return torch.get_num_threads()


def nowhere(_):
    return float("nan"), float("inf"), {"nested/name": [None, (1, 2)]}


def train(task):
    """A short training; the seconds differ, all else must not."""
    from nasbench.evaluate.train import evaluate_training

    told = evaluate_training(task)
    return {k: v for k, v in told.items() if "second" not in k}


@dataclass(frozen=True)
class Step:
    """Work in a folder, which knows where it is."""

    folder: str


def own_folder(task):
    return task.folder


def with_folder(task, folder):
    return replace(task, folder=folder)


def step(task):
    """Goes on from a checkpoint, and leaves a result."""
    folder = Path(task.folder)
    (folder / "weights").write_bytes((folder / "checkpoint.bin").read_bytes() * 2)
    (folder / "result.json").write_text("{}")
    (folder / "checkpoint.bin").unlink()
    return task.folder

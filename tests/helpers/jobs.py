"""Functions that tests submit to engines. This module imports little, because each process imports it again."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from nasbench.engines.messages import send_message


def double(x):
    return 2 * x


def tell(count):
    """Send messages, and return their number."""
    for number in range(count):
        send_message(("number", number))
    return count


def fail(message):
    raise ValueError(message)


def exhaust(_):
    raise MemoryError


def leave(code):
    sys.exit(code)


def die(number):
    os.kill(os.getpid(), number)


def hang(file):
    """Hang together with a child process, and ignore SIGTERM. Writes both process ids."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        time.sleep(600)
    write_pids(file, os.getpid(), child)
    time.sleep(600)


def hold_interpreter(file):
    """Run native code that never lets another thread run."""
    write_pids(file, os.getpid())
    re.match(r"(a+)+$", "a" * 60 + "b")


def write_pids(file, *pids):
    temporary = file.with_suffix(".part")
    temporary.write_text(" ".join(map(str, pids)))
    temporary.rename(file)


def answer_and_stay(_):
    """Send an answer from a process that does not end, because the interpreter waits for a thread."""
    threading.Thread(target=time.sleep, args=(600,)).start()
    return "answer"


def large(size):
    return b"x" * size


def lock(_):
    return threading.Lock()


class NotUnpicklable(Exception):
    """An error that can be pickled but not unpickled."""

    def __init__(self, a, b):
        super().__init__(a)


def not_unpicklable(_):
    return NotUnpicklable(1, 2)


def say(text):
    print(text)
    sys.stdout.flush()
    os.write(2, b"native\n")
    os.abort()


def sleep(task):
    file, seconds = task
    write_pids(file, os.getpid())
    time.sleep(seconds)
    return "slept"


def variable(name):
    return os.environ.get(name)


def process(_):
    return os.getpid()


def spoil(_):
    """Change settings of the process that the next call finds."""
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(99)
    torch.rand(1000)
    torch.backends.cudnn.benchmark = True
    os.umask(0o077)
    return torch.get_num_threads()


def not_json(_):
    return float("nan"), float("inf"), {"nested/name": [None, (1, 2)]}


def train(task):
    """Train for a moment. Returns the result without its times, so that two runs are equal."""
    from nasbench.evaluate.train_task import evaluate_training

    result = evaluate_training(task)
    return {k: v for k, v in result.items() if "second" not in k}


@dataclass(frozen=True)
class Step:
    """The argument of a call that names its folder."""

    folder: str


def own_folder(task):
    return task.folder


def with_folder(task, folder):
    return replace(task, folder=folder)


def step(task):
    """Use the checkpoint in the folder, and write a result there. Returns the folder."""
    folder = Path(task.folder)
    (folder / "weights").write_bytes((folder / "checkpoint.bin").read_bytes() * 2)
    (folder / "result.json").write_text("{}")
    (folder / "checkpoint.bin").unlink()
    return task.folder

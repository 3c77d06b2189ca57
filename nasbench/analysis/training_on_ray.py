"""A training for use as a trial of Ray: one call, which continues from its checkpoint in another worker when its worker dies.

driver (this process)                      worker, on this machine or another one
train_on_ray -- TrainCall, images -->      run_call: the same function as without Ray, in the same folder if it sees it
listener     <-- stages, epochs, lines --  _Sends
the folder   <-- files after each epoch -- from a worker that works in a folder of its own
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.analysis.training import train_here
from nasbench.engines.base import Finished
from nasbench.engines.config import EngineConfig
from nasbench.engines.file_transfer import FolderArgument
from nasbench.engines.messages import send_message
from nasbench.engines.open import check_room
from nasbench.engines.ray.engine import RayEngine
from nasbench.errors import NasbenchError, NasbenchWarning
from nasbench.files import write_atomic
from nasbench.plugins import Plugin, loaded_plugins, use_plugin
from nasbench.training.data import load_images
from nasbench.training.delivery import SUMMARY
from nasbench.training.delivery.config import TrainConfig
from nasbench.training.delivery.folder import open_folder
from nasbench.training.delivery.listener import Listener
from nasbench.training.delivery.run import CHECKPOINT
from nasbench.training.shared_images import PackedImages, give_images, pack

ATTEMPTS = 3  # without a completed epoch
WAIT_S = 3600.0  # for an engine's wait; it returns when something happens


@dataclass(frozen=True)
class TrainCall:
    """A training as it travels to a worker.

    Attributes:
        config: what is trained and how; plugins: loaded before.
        folder: the output folder as the worker sees it; home: the driver's.
        spent_s: seconds of `--time` that were over when the call was made.
    """

    config: TrainConfig
    plugins: tuple[Plugin, ...]
    folder: str
    home: str
    spent_s: float


def folder_of(call: TrainCall) -> str:
    """The folder that a call works in."""
    return call.folder


def in_folder(call: TrainCall, folder: str) -> TrainCall:
    """The same call in another folder."""
    return replace(call, folder=folder)


def run_call(call: TrainCall) -> None:
    """Run the training in this process, a worker of Ray.

    Raises:
        NasbenchError: see `run_training`.
    """
    for plugin in call.plugins:
        use_plugin(plugin)
    folder, elsewhere = Path(call.folder), call.folder != call.home
    # A temporary folder is locked by its owner, and a training locks its own, so it gets one inside.
    place = folder / "training" if elsewhere else folder
    if elsewhere:
        _move_files(folder, place)
    listener = _Sends(place if elsewhere else None)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = listener.warn
            train_here(call.config, place, listener, time.monotonic() - call.spent_s)
    finally:
        if elsewhere and place.exists():
            _move_files(place, folder)


def _move_files(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.is_file():
            entry.rename(target / entry.name)


def train_on_ray(config: TrainConfig, path: Path, listener: Listener, began: float, engine: EngineConfig) -> None:
    """Run the training in a worker of Ray until the folder `path` holds its result.

    The images are read here and sent to the worker, which need not see the disk of this machine. When a worker dies, another one continues
    from the checkpoint: within the epoch where it sees the folder, otherwise after the last complete epoch.

    Raises:
        NasbenchError: what the training raises; or three workers in a row died without completing an epoch.
        StudyError: there is no such cluster, or no room in it.
    """
    check_on_ray(config, engine)
    check_room(engine, 1)
    with open_folder(path, config.command()) as folder:  # refusals before Ray starts
        if folder.stored is not None and (path / SUMMARY).exists():
            return
    listener.stage(f"loading the images of {config.data}")
    root, size = None if config.data_root is None else Path(config.data_root), config.recipe.decoded_size
    images = load_images(config.data, root, size=size, progress=listener.rounds)
    try:
        _until_result(config, path, listener, began, engine, pack(images, (config.data, None if root is None else str(root), size)))
    except BaseException:
        with suppress(OSError):  # it holds something
            path.rmdir()
        raise
    (path / CHECKPOINT).unlink(missing_ok=True)  # one that a worker elsewhere sent


def _until_result(config: TrainConfig, path: Path, listener: Listener, began: float, engine: EngineConfig, images: PackedImages) -> None:
    """Give the training to workers, one after another, until one ends it."""
    receiver = _Receiver(path, listener)
    listener.stage("starting a worker of Ray")
    with RayEngine(
        1,
        preload=(__name__,),
        cpus=engine.cpus,
        gpus=engine.gpus,
        address=engine.address,
        prepare=(give_images, images),
        prepare_bytes=images.bytes,
        folder_argument=FolderArgument(folder_of, in_folder),
        say=listener.say,
        on_message=receiver.receive,
    ) as ray:
        home = str(path.absolute())
        while True:
            receiver.attempts += 1
            ray.submit("training", run_call, TrainCall(config, loaded_plugins(), home, home, time.monotonic() - began))
            finished: list[Finished] = []
            while not finished:
                finished = ray.wait(WAIT_S)
            (end,) = finished
            if end.end == "result":
                return
            if end.end != "died" or receiver.attempts == ATTEMPTS:
                raise NasbenchError(end.reason or "the training ended without a result; give the same command again to continue")
            listener.say(f"{(end.reason or 'the worker died').rstrip('.')}; another worker continues from the checkpoint")


def check_on_ray(config: TrainConfig, engine: EngineConfig) -> None:
    """Check that the training can be a trial of Ray with what the engine gives it.

    Raises:
        NasbenchError: it cannot.
    """
    if config.processes > 1:
        raise NasbenchError(f"a trial of Ray is one process; got --processes {config.processes} with --engine ray; leave one of them out")
    if engine.trains_on != config.device or engine.gpus > 1:
        raise NasbenchError(
            "a training on Ray has one GPU, or a share of it, with --device cuda, and none with --device cpu; "
            f"got --device {config.device} and --gpus-per-trial {engine.gpus:g}; change one of them"
        )
    if engine.address is not None and (config.weights or config.logs):
        what = "begin with the weights of a file" if config.weights else "write logs"
        raise NasbenchError(
            f"workers of a cluster may not see the files of this machine, so trainings there do not {what}; "
            f"got {'--weights or --pretrained' if config.weights else '--log'} with --address; leave one of them out"
        )


class _Sends:
    """The listener of a worker: sends everything to the driver.

    Args:
        folder: a folder that the driver does not see, whose files are sent after each epoch; None where it sees it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._sent: dict[str, int] = {}

    def stage(self, name: str, total: int | None = None) -> None:
        send_message(("stage", (name, total)))

    def step(self, message: str | None = None) -> None:
        if message is not None:
            self._send_files()
        send_message(("step", (message,)))

    def say(self, message: str) -> None:
        send_message(("say", (message,)))

    def rounds(self, done: int, total: int) -> None:
        send_message(("rounds", (done, total)))

    def warn(self, message: Warning | str, category: type[Warning], *place: Any, **rest: Any) -> None:
        """Takes the place of `warnings.showwarning`."""
        if isinstance(message, NasbenchWarning):
            send_message(("warning", (message,)))

    def _send_files(self) -> None:
        """Send the files that are new since the last time."""
        if self._folder is None:
            return
        files = {entry.name: entry.stat().st_mtime_ns for entry in self._folder.iterdir() if entry.is_file() and entry.name[0] != "."}
        changed = [name for name, written in files.items() if self._sent.get(name) != written]
        send_message(("files", ({name: (self._folder / name).read_bytes() for name in changed},)))
        self._sent = files


class _Receiver:
    """Gives the messages of workers to the listener, and writes the files that they send.

    Attributes:
        attempts: number of workers that were given the training since the last completed epoch.
    """

    def __init__(self, path: Path, listener: Listener) -> None:
        self.attempts = 0
        self._path, self._listener = path, listener

    def receive(self, message: tuple[str, tuple[Any, ...]]) -> None:
        """Handle a message of `_Sends`."""
        kind, values = message
        if kind == "files":
            self._write(values[0])
        elif kind == "warning":
            warnings.warn(values[0], stacklevel=2)
        else:
            if kind == "step" and values[0] is not None:
                self.attempts = 0
            getattr(self._listener, kind)(*values)

    def _write(self, files: Mapping[str, bytes]) -> None:
        """Write files into the output folder; the checkpoint last, since it counts on the others."""
        for name in sorted(files, key=lambda name: name == CHECKPOINT):
            write_atomic(self._path / name, files[name])

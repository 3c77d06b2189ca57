"""Checkpoints of a training, after an epoch or within one. A checkpoint is one file; a damaged one is ignored."""

from __future__ import annotations

import hashlib
import io
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from nasbench.errors import IgnoredFileWarning, first_line
from nasbench.files import write_atomic

MARK = b"nasbench checkpoint 2\n"
# Version 0.2.0 wrote the other mark, only between two epochs. It would not understand one within an epoch, hence another mark.
MARKS = (MARK, b"nasbench checkpoint 1\n")
INTERVAL_S = 30.0  # a checkpoint within an epoch is written when the last one is as old as this
WRITING_SHARE = 0.05  # of the time, at most, is spent on checkpoints within epochs


class Checkpoints:
    """Writes the checkpoint file of one training: whenever `save` is called, which is after each epoch, and within epochs when it `is_due`.

    Short trainings end before one is due. Where writing is slow, the next one is due later.

    Args:
        path: the file; None writes nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._written = time.monotonic()
        self._wait_s = INTERVAL_S

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another one within an epoch."""
        return self.path is not None and time.monotonic() - self._written >= self._wait_s

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint.

        Raises:
            NasbenchError: see `save_checkpoint`.
        """
        if self.path is None:
            return
        began = time.monotonic()
        save_checkpoint(self.path, state)
        self._written = time.monotonic()
        self._wait_s = max(INTERVAL_S, (self._written - began) / WRITING_SHARE) if INTERVAL_S else 0.0


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, tensors and plain values, together with its SHA-256.

    Without the SHA-256, a flipped bit would load without an error. It is in the same file, so that one rename replaces both.

    Raises:
        NasbenchError: the disk is full or the folder cannot be written. The previous file then stays as it was.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getbuffer()
    write_atomic(path, b"".join((MARK, hashlib.sha256(payload).digest(), payload)))


def load_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state that was saved at `path` by a training of the same `identity`, or None.

    A file that is damaged or of another training gives an IgnoredFileWarning and None.
    """
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
        payload = content[len(MARK) + 32 :]
        if not content.startswith(MARKS) or hashlib.sha256(payload).digest() != content[len(MARK) : len(MARK) + 32]:
            raise ValueError("its content does not match its SHA-256")
        state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        if state.get("identity") != identity:
            raise ValueError("it is of another recipe, seed, network or data")
    except Exception as error:  # noqa: BLE001 - torch.load fails in many ways (OSError, EOFError, UnpicklingError, ...)
        warnings.warn(f"checkpoint {path} is ignored, training starts again: {first_line(error)}", IgnoredFileWarning, stacklevel=2)
        return None
    return state

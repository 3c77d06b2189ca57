"""Checkpoints of a training between two epochs. A checkpoint is one file; a damaged one is ignored."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch

from nasbench.errors import IgnoredFileWarning, first_line
from nasbench.files import write_atomic

MARK = b"nasbench checkpoint 1\n"


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
        if not content.startswith(MARK) or hashlib.sha256(payload).digest() != content[len(MARK) : len(MARK) + 32]:
            raise ValueError("its content does not match its SHA-256")
        state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
        if state.get("identity") != identity:
            raise ValueError("it is of another recipe, seed, network or data")
    except Exception as error:  # noqa: BLE001 - torch.load fails in many ways (OSError, EOFError, UnpicklingError, ...)
        warnings.warn(f"checkpoint {path} is ignored, training starts again: {first_line(error)}", IgnoredFileWarning, stacklevel=2)
        return None
    return state

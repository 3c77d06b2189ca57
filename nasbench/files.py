"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write to a temporary file in the same folder, fsync and rename it, so that a reader sees either the old file or the new one.

    Raises:
        NasbenchError: the folder is missing or read-only, or the disk is full. The old file then stays as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise NasbenchError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose a folder you may write to"
        ) from error


def checksum(data: Mapping[str, Any]) -> str:
    """The SHA-256 of plain data as hexadecimal digits. It does not depend on the order of keys or on the layout of a file."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def cache_folder() -> Path:
    """The folder for device profiles and downloaded data: `$NASBENCH_CACHE` if set, else `nasbench` in the user's cache folder."""
    chosen = os.environ.get("NASBENCH_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nasbench"

"""`activity.json` of a study: what its driver does at this moment, for those who watch it."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from nasbench.errors import NasbenchError
from nasbench.files import MALFORMED, write_atomic

ACTIVITY_FILE = "activity.json"


class Activity(NamedTuple):
    """What a driver does.

    Attributes:
        stage: the part of its work, such as `measuring the finalists`; empty before the first.
        since: when the stage began.
        message: the last message of the stage, such as what is waited for; empty without one.
        at: when that was said.
    """

    stage: str
    since: datetime
    message: str = ""
    at: datetime | None = None

    def __str__(self) -> str:
        said = f"; {self.at:%H:%M:%S}: {self.message}" if self.message and self.at else ""
        return f"{self.stage or 'beginning'} since {self.since:%H:%M:%S}{said}"


def write_activity(path: Path, stage: str, message: str = "") -> None:
    """Write what the driver of the study at `path` does now. A disk that is full does not stop it."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    before = read_activity(path) if message else None
    since = before.since.isoformat() if before is not None and before.stage == stage else now
    with suppress(NasbenchError):
        content = {"stage": stage, "since": since, "message": message, "at": now if message else None}
        write_atomic(path / ACTIVITY_FILE, json.dumps(content) + "\n")


def read_activity(path: Path) -> Activity | None:
    """What the driver of a study does; None if no driver has said so."""
    try:
        content: dict[str, Any] = json.loads((path / ACTIVITY_FILE).read_text(encoding="utf-8"))
        at = content["at"]
        since = datetime.fromisoformat(content["since"])
        return Activity(str(content["stage"]), since, str(content["message"]), None if at is None else datetime.fromisoformat(at))
    except (OSError, *MALFORMED):
        return None


def clear_activity(path: Path) -> None:
    """Note that no driver does anything."""
    with suppress(OSError):
        (path / ACTIVITY_FILE).unlink(missing_ok=True)

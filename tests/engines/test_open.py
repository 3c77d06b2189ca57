"""Whether this machine has room for the trials that a command asks for."""

from __future__ import annotations

import pytest

from nasbench.engines import open as opening
from nasbench.engines.config import EngineConfig
from nasbench.errors import StudyError


@pytest.mark.parametrize(
    ("choice", "jobs_", "match"),
    [
        ({"cpus": 512}, 1, "a trial needs 512 CPUs and this machine has"),
        ({"gpus": 0.25}, 9, "2 GPUs have room for 8; use --jobs 8"),
        ({"gpus": 3}, 1, "2 GPUs have room for 0"),
        ({"gpus": 3, "name": "ray"}, 4, "2 GPUs have room for 0"),
    ],
)
def test_what_this_machine_lacks_is_said_at_once(choice, jobs_, match, monkeypatch):
    monkeypatch.setattr(opening, "visible_gpus", lambda: ["0", "1"])
    with pytest.raises(StudyError, match=match):
        opening.check_room(EngineConfig(**choice), jobs_)


def test_as_many_jobs_as_there_is_room_for(monkeypatch):
    monkeypatch.setattr(opening, "visible_gpus", lambda: ["0"])
    monkeypatch.setattr(opening.os, "sched_getaffinity", lambda _: range(16))
    room = {choice: opening.room_for(EngineConfig(**dict(choice))) for choice in [(), (("cpus", 4),), (("gpus", 0.25),), (("cpus", 0.5),)]}
    assert list(room.values()) == [16, 4, 4, 32]

"""What Ray writes about the death of a worker becomes one line; the rest of the tuner is tested with the engine."""

from __future__ import annotations

import pytest

from nasbench.engines.ray.tuner import _reason

DIED = """Failure # 1
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
The actor is dead. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker unexpectedly exits
with a connection error code 2. Some common causes include: (1) the process was killed.
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DIED.replace("exits\nwith", "exits with"), "Worker unexpectedly exits with a connection error code 2."),
        ("Traceback\n  line\nRuntimeError:   no  more\n\n", "RuntimeError: no more"),  # the last line
        ("x" * 1000, "x" * 300),
        ("", "Ray does not say why"),
    ],
)
def test_the_reason_for_a_death(text, reason, tmp_path):
    (tmp_path / "error.txt").write_text(text)
    assert _reason(str(tmp_path / "error.txt")) == reason


@pytest.mark.parametrize("file", [None, "/nowhere/error.txt"])
def test_without_a_file_there_is_no_reason(file):
    assert _reason(file) == "Ray does not say why"

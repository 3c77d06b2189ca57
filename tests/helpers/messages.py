"""What a bad input must print."""

from __future__ import annotations


def one_line(done, *parts: str) -> str:
    """The message, after checking that it is one line and nothing else went wrong."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("nasbench: ")
    for part in parts:
        assert part in last, (part, last)
    return last

"""Seeds that depend on what is done and not on when, so that a trial has the same seed after any number of restarts."""

from __future__ import annotations

import hashlib


def derive(*parts: int | str) -> int:
    """A seed in [0, 2^31) from the seed of a study and the names of one use of it.

    >>> derive(7, "search", 12, "draw")
    759018829
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1

"""Seeds that depend on what is done, not on when: the same trial has the same seed after any number of restarts."""

from __future__ import annotations

import hashlib


def derive(*parts: int | str) -> int:
    """A seed in [0, 2^31) from a study's seed and the words that name one use of it: `derive(7, "search", 12, "draw")`."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1

"""The C library's memory, in a process that runs one network again and again."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Have the C library keep freed memory up to 1 GiB for the next run, instead of giving it back to the kernel.

    Without this, glibc gives back what exceeds twice the largest block that the process ever freed. Whether a network fetches its
    activations from the kernel in every run, which was seen to make it up to 41 % slower, then depends on whatever else the process
    did, such as reading weights from a file. A process that serves a network sets the same by the environment: MALLOC_TRIM_THRESHOLD_ and
    MALLOC_MMAP_THRESHOLD_ of 1073741824, or another allocator.

    Returns:
        Whether it could be done; other C libraries have no such thresholds.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, KEPT_BYTES) and mallopt(TRIM_THRESHOLD, KEPT_BYTES))

"""The C library's memory, in a process that runs one network again and again. No torch."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)
RETAINED_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Make the C library keep up to 1 GiB of freed memory for the next run, instead of returning it to the kernel.

    By default glibc returns what exceeds twice the largest block that the process ever freed. Whether a network then gets its
    activations' memory from the kernel in every run, which made networks up to 41 % slower, depends on what else the process did, such
    as reading weights from a file. A process that serves a network can set the same by environment variables:
    MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ of 1073741824, or use another allocator.

    Returns:
        Whether it was possible; other C libraries do not have these thresholds.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, RETAINED_BYTES) and mallopt(TRIM_THRESHOLD, RETAINED_BYTES))

"""Linear algebra in one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy and scipy compute in one thread; also a decorator.

    The matrices of a search are small. Numpy and scipy bring an OpenBLAS each, whose threads wait for each other: on two cores, products
    and Cholesky factors of 256 rows in turns take eight times as long as in one thread. The number of threads also decides the last bits.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    import numpy as np  # noqa: F401  # the controller knows the libraries that are loaded
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()

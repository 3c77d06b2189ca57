"""Settings of every test: what hypothesis draws and for how long, and that a plugin's words go when its test ends.

`make test` draws the same examples every time, so that it fails only for what was changed; `make test-all` draws new ones.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from hypothesis import settings

from nasbench.plugins import forget_plugin, loaded_plugins

# No deadline: a machine may be busy.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("new", deadline=None)
settings.load_profile("same")


@pytest.fixture(autouse=True, scope="session")
def own_lock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A measuring lock of these tests: what else the machine measures must not decide how long they wait, or what they see."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASBENCH_LOCK", str(tmp_path_factory.mktemp("lock") / "measuring.lock"))
        yield


@pytest.fixture(autouse=True)
def no_plugins() -> Iterator[None]:
    yield
    for plugin in loaded_plugins():
        forget_plugin(plugin)


MUCH = 2 * 1024**3  # bytes


@pytest.fixture(autouse=True)
def give_memory_back() -> Iterator[None]:
    """Networks of earlier tests are garbage in cycles, which Python collects late, and glibc keeps what was freed: 10 GB in all."""
    yield
    if psutil.Process().memory_info().rss > MUCH:
        gc.collect()
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)

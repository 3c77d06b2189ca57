"""Settings of every test: hypothesis never fails because a machine is busy, and a plugin's words go when its test ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from nasbench.genotype.plugins import forget_plugin, loaded_plugins

settings.register_profile("nasbench", deadline=None)
settings.load_profile("nasbench")


@pytest.fixture(autouse=True)
def no_plugins() -> Iterator[None]:
    yield
    for plugin in loaded_plugins():
        forget_plugin(plugin)

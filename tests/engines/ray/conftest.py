"""A Ray cluster on this machine, which takes seconds to start."""

from __future__ import annotations

import pytest

from nasbench.engines.ray import cluster as ray_cluster


@pytest.fixture(scope="module")
def cluster():
    """One cluster for all tests of a module. It claims to have a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_cluster, "visible_gpus", lambda: ["0"])
        with ray_cluster.connected(None, 1.0, 2**24):
            yield

"""How many trials the nodes of a cluster have room for; nodes on paper, without Ray."""

from __future__ import annotations

import pytest

from nasbench.engines.ray import nodes
from nasbench.errors import StudyError


@pytest.fixture
def cluster_of(monkeypatch):
    def set_nodes(*resources):
        monkeypatch.setattr(nodes, "alive_nodes", lambda: [{"Resources": r} for r in resources])

    return set_nodes


@pytest.mark.parametrize(
    ("resources", "cpus", "gpus", "slots"),
    [
        ([{"CPU": 8.0}], 1, 0, 8),
        ([{"CPU": 8.0}], 3, 0, 2),  # two CPUs are left over
        ([{"CPU": 2.0}, {"CPU": 3.0}], 2, 0, 2),  # a trial runs on one node
        ([{"CPU": 0.3}], 0.1, 0, 3),  # though 0.3 / 0.1 is less than 3
        ([{"CPU": 8.0, "GPU": 2.0}], 1, 0.25, 8),
        ([{"CPU": 4.0, "GPU": 2.0}], 1, 0.25, 4),  # the CPUs are the limit
        ([{"CPU": 8.0, "GPU": 3.0}], 1, 2, 1),
        ([{"CPU": 8.0}], 1, 0.25, 0),
        ([], 1, 0, 0),
    ],
)
def test_slots(cluster_of, resources, cpus, gpus, slots):
    cluster_of(*resources)
    assert nodes.trial_slots(cpus, gpus) == slots


def test_no_room_is_an_error_that_says_what_the_nodes_have(cluster_of):
    cluster_of({"CPU": 4.0}, {"CPU": 2.0, "GPU": 1.0})
    assert nodes.require_slots(4, 0) == 1
    match = r"a trial needs 4 CPUs and 1 GPUs on one node, .* \(2: 4 CPUs, 0 GPUs; 2 CPUs, 1 GPUs\); ask for less with --cpus-per-trial"
    with pytest.raises(StudyError, match=match):
        nodes.require_slots(4, 1)

"""A family from its configuration to its files, on a device on paper."""

from __future__ import annotations

import pytest
import yaml
from paper_search import PAPER, Silent, Stopwatch, profile

from nasbench.errors import NasbenchError, StudyError
from nasbench.scaling import PUBLISHED, Law
from nasbench.scaling_fit.family.run import FamilyConfig, run_family
from nasbench.zoo import known


def config(limits_ms=(20.0, 10.0), law=PUBLISHED):
    return FamilyConfig(network="mobilenet_v2", genotype=known("mobilenet_v2"), law=law, limits_ms=limits_ms)


def run(path, watch, family=None):
    return run_family(family or config(), path, PAPER, profile("mbconv"), Silent(), watch)


def test_a_family_and_the_same_command_again(tmp_path):
    path, watch = tmp_path / config().name(), Stopwatch(width=0.02)
    outcome = run(path, watch)
    assert [member.limit_ms for member in outcome.members] == [10.0, 20.0]
    assert all(member.kept for member in outcome.members)
    assert {p.name for p in path.iterdir()} >= {"study.yaml", "profile.json", "measurements.jsonl", "family.json", "10ms", "20ms"}
    command = yaml.safe_load((path / "study.yaml").read_text())["command"]
    assert (command["kind"], command["targets_ms"], command["law"]) == ("scale targets", [10.0, 20.0], [1.2, 1.1, 1.15])
    sessions = len(watch.sessions)
    assert run(path, watch).rows == outcome.rows
    assert len(watch.sessions) == sessions


def test_another_law_is_another_family(tmp_path):
    run(tmp_path / "family", Stopwatch(width=0.02))
    with pytest.raises(StudyError, match="another command"):
        run(tmp_path / "family", Stopwatch(width=0.02), config(law=Law(1.1, 1.2, 1.1)))


@pytest.mark.parametrize("limits_ms", [(5.0, 5.0), tuple(map(float, range(1, 34)))])
def test_limits_are_different_and_at_most_32(limits_ms):
    with pytest.raises(NasbenchError, match="at most 32 different latencies"):
        config(limits_ms)

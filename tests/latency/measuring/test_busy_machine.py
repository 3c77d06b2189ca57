"""While a loop keeps every core busy: the tool notices, and neither uses nor stores the number."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nasbench.errors import BusyError
from nasbench.genotype import Block, Genotype
from nasbench.latency import Patience, Predictor, load_or_profile, local_device, make_card, measure, profile_path
from nasbench.latency.contract import verdict
from nasbench.latency.measurement import MAX_WAITED
from nasbench.latency.measuring.cpu_contention import now, share_taken
from nasbench.latency.measuring.other_work import BusyProcess, other_work
from nasbench.latency.predicting.profiling import profile_while_busy
from nasbench.latency.verify import verify_card
from nasbench.search.measuring import repeating

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(now().queued is None, reason="this kernel keeps no scheduler statistics"),
]
DEVICE = local_device()


def network(width: int) -> Genotype:
    rows = (Block("conv", {"width": width, "kernel": 3, "stride": 2}), Block("mbconv", {"width": width, "expand": "in*4"}, repeat=2))
    return Genotype(f"w{width}", (3, 64, 64), rows, (), (Block("gap"), Block("linear", {"width": 10})))


@pytest.fixture(autouse=True)
def loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Two busy loops for each core."""
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    cores = sorted(os.sched_getaffinity(0))
    busy = [
        subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]) for core in 2 * cores
    ]
    try:
        yield [process.pid for process in busy]
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_a_measurement_says_so() -> None:
    found = measure({"one": network(32)}, DEVICE, min_rounds=6, max_seconds=5)["one"]
    assert found.noisy
    assert found.disturbed
    assert found.waited is not None
    assert found.waited > MAX_WAITED
    assert "other work kept the cores" in found.why


def test_a_search_gets_no_number() -> None:
    def session(networks):
        return measure(networks, DEVICE, min_rounds=6, max_seconds=5)

    with pytest.raises(BusyError, match=r"measuring needs a quiet machine; .*other work kept the cores"):
        repeating(session, lambda _: None, Patience(0.0, lambda _: None))({"one": network(32)})


def test_who_keeps_the_cores_is_said_before_anything_is_measured(loops: list[int]) -> None:
    """The loops are no children of ours as far as the message goes: a search is another process than who keeps it waiting."""
    assert share_taken(DEVICE.threads) > 0.3
    said: list[str] = []
    patience = Patience(3.0, said.append, who=lambda: other_work([BusyProcess(loops[0], 0.5)]))
    with pytest.raises(BusyError, match=f"process {loops[0]} .python.* keeps 0.5 cores .*; waited 3 s for it to end"):
        measure({"one": network(32)}, DEVICE, patience=patience)
    assert "waiting since" in said[0]


def test_a_rough_profile_holds_the_latency_of_the_quiet_machine(loops: list[int]) -> None:
    """Its interval reaches from the time without the waits to the time with them."""
    networks = {str(width): network(width) for width in (16, 24, 32, 40, 48)}
    rough = profile_while_busy(DEVICE, networks)
    assert rough.noisy
    assert 0.2 < rough.waited < 0.95
    assert rough.speed_ms is None
    for pid in loops:
        os.kill(pid, 9)
    predictor = Predictor(rough)
    measured = measure(networks, DEVICE, max_seconds=10)
    inside = [predictor.predict(g).high_ms >= measured[name].median_ms for name, g in networks.items()]
    assert all(inside)
    assert all(predictor.predict(g).low_ms < predictor.predict(g).high_ms * (1 - rough.waited) for g in networks.values())


def test_a_profile_is_not_stored() -> None:
    found = load_or_profile(DEVICE, {str(width): network(width) for width in (16, 24, 32, 40, 48)})
    assert found.noisy
    assert "other work disturbed" in found.why
    assert not list(profile_path(DEVICE).parent.iterdir())


def test_a_card_is_neither_kept_nor_missed() -> None:
    found = verify_card(make_card(network(32), 1e6, DEVICE))
    assert (found.verdict, found.card.measured) == ("unsure", None)
    assert verdict(found.at_card_speed, 0.001) == "unsure"

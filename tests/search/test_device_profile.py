"""The profile of a device: which networks it times, which are left for a check, and what a study continues with."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest
from paper_search import PAPER, Silent, profile

from nasbench.errors import BusyError, DeviceError, LimitError
from nasbench.genotype import digest
from nasbench.latency import Patience, Predictor, save_profile
from nasbench.latency.predicting.predict import FEWEST as FEWEST_OF_A_PREDICTOR
from nasbench.search import device_profile
from nasbench.search.device_profile import ADAPTED, FAMILIAR, NETWORKS, held_out, obtain_profile, samples, stored_profile, studied_profile
from nasbench.spaces import load_space
from nasbench.zoo import known

TINY = load_space("tiny")


@pytest.fixture
def timed(monkeypatch, tmp_path):
    """The networks that profiling would time first, and its options, by device; nothing is measured."""
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    calls = []

    def measured(device, networks, **options):
        calls.append((networks, options))
        return profile()

    with patch.object(device_profile, "profile_device", measured), patch.object(device_profile, "load_or_profile", measured):
        yield calls


def test_samples_are_different_networks_and_the_same_everywhere():
    networks = samples(TINY, 30)
    assert len({digest(g) for g in networks.values()}) == len(networks) == 30
    assert samples(TINY, 30) == networks
    assert samples(TINY, 30, seed=1) != networks
    assert all(g in TINY for g in networks.values())


def test_a_new_profile_times_three_quarters_first_and_known_networks_among_them(timed):
    obtain_profile(PAPER, TINY, Silent())
    ((first, options),) = timed
    assert len(first) + options["more"] == NETWORKS
    assert options["more"] == NETWORKS // 4
    assert set(FAMILIAR) <= set(first)
    assert not {digest(g) for g in first.values()} & {digest(g) for g in options["pool"].values()}


def test_an_adapted_profile_needs_fewer(timed):
    obtain_profile(PAPER, TINY, Silent(), base=profile())
    ((first, options),) = timed
    assert len(first) + options["more"] == ADAPTED
    assert options["base"] == profile()


@pytest.mark.parametrize("count", [9, 1001])
def test_the_number_of_networks_has_a_range(timed, count):
    with pytest.raises(DeviceError, match=f"10 to 1000 networks; got {count}"):
        obtain_profile(PAPER, TINY, Silent(), networks=count)


def test_a_profile_that_is_measured_again_is_stored(timed):
    assert stored_profile(PAPER) is None
    obtain_profile(PAPER, TINY, Silent(), again=True)
    assert stored_profile(PAPER).device == PAPER


@pytest.fixture
def busy(monkeypatch, tmp_path):
    """A machine on which nothing can be profiled; how a rough profile is made is written down."""
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    made = []

    def refuse(*_, **__):
        raise BusyError("measuring needs a quiet machine; process 7 keeps 1.9 cores")

    def rough(device, networks, **_):
        made.append(networks)
        return replace(profile(), noisy=True, why="other work disturbed 9 of 9 networks", waited=0.6)

    with (
        patch.object(device_profile, "profile_device", refuse),
        patch.object(device_profile, "load_or_profile", refuse),
        patch.object(device_profile, "profile_while_busy", rough),
    ):
        yield made


def test_a_search_on_a_busy_machine_gets_a_rough_profile_that_is_not_stored(busy):
    listener = Silent()
    found = obtain_profile(PAPER, TINY, listener, patience=Patience(0.0, listener.say))
    assert (found.noisy, found.waited) == (True, 0.6)
    assert FEWEST_OF_A_PREDICTOR <= len(busy[0]) <= 10, "one group of measuring processes"
    assert stored_profile(PAPER) is None
    assert "process 7 keeps 1.9 cores; now 9 networks are timed on the busy machine" in listener.messages[0]
    assert "rough and serves this search only" in listener.messages[1]
    with pytest.raises(BusyError):
        obtain_profile(PAPER, TINY, Silent())
    assert len(busy) == 1


def test_a_rough_profile_stays_rough_in_its_study(tmp_path):
    rough = replace(profile(), noisy=True, why="other work disturbed 9 of 9 networks", waited=0.6)
    save_profile(rough, tmp_path / "profile.json")
    found = studied_profile(tmp_path)
    assert (found.noisy, found.why, found.waited, found.speed_ms) == (True, rough.why, 0.6, None)
    once = replace(rough, networks=tuple(replace(n, n=1) for n in rough.networks))
    save_profile(once, tmp_path / "profile.json")
    assert studied_profile(tmp_path).networks[0].n == 1, "on a very busy machine there is time for one round"
    save_profile(profile(), tmp_path / "profile.json")
    quiet = studied_profile(tmp_path)
    assert (quiet.noisy, quiet.waited, quiet.speed_ms) == (False, 0.0, quiet.reference_ms)
    assert "disturbed" not in (tmp_path / "profile.json").read_text(), "the file is as it was before"
    slow, plain = (Predictor(each).predict(TINY.sample(0)) for each in (rough, profile()))
    assert slow.high_ms == plain.high_ms
    assert slow.ms == pytest.approx(0.4 * plain.ms)
    assert slow.low_ms == pytest.approx(0.4 * plain.low_ms)


def test_a_check_uses_networks_that_were_not_profiled():
    profiled = profile()
    networks = held_out(profiled, TINY, 10, 3, seed=0)
    assert not {digest(g) for g in networks.values()} & {n.digest for n in profiled.networks}
    of_space = {name: g for name, g in networks.items() if name.startswith("tiny ")}
    others = {name: g for name, g in networks.items() if name not in of_space}
    assert len(of_space) == 10
    assert all(name.endswith(", seed 0") for name in of_space)
    assert all(known(name) == g and not Predictor(profiled).predict(g).extrapolated for name, g in others.items())
    assert 1 <= len(others) <= 3


def test_a_space_without_other_networks_cannot_be_checked():
    with pytest.raises(LimitError, match="tiny has 0 of them"), patch.object(device_profile, "samples", lambda *_: {}):
        held_out(profile(), TINY, 10, 0, seed=0)


def test_a_study_continues_with_its_own_profile(tmp_path):
    save_profile(profile(), tmp_path / "profile.json")
    assert studied_profile(tmp_path).device == PAPER
    (tmp_path / "profile.json").write_text("{}")
    with pytest.raises(DeviceError, match="begin another one, under another --name"):
        studied_profile(tmp_path)

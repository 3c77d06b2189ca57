from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype, trace
from nasbench.latency.predict import Predictor
from nasbench.latency.signature import signatures, work
from nasbench.zoo import known


def errors(predictor: Predictor, paper, genotypes) -> np.ndarray:
    """Predicted over timed, less one, of networks that the predictor has not seen."""
    return np.array([predictor.predict(g).ms / paper.network(name, g).ms - 1 for name, g in genotypes.items()])


def test_an_additive_device_is_predicted_exactly(exact, paper, others) -> None:
    assert np.abs(errors(exact, paper(), others)).max() < 0.01
    assert exact.error < 0.01


def test_known_networks_are_predicted_from_samples_of_the_space(exact, paper) -> None:
    networks = {name: known(name) for name in ("mobilenet_v2", "mobilenet_v3_large", "mnasnet_a1", "efficientnet_b0")}
    assert np.abs(errors(exact, paper(), networks)).max() < 0.02


def test_noise_of_single_layers_averages_out(paper, some, others) -> None:
    predictor = Predictor(paper(layer_noise=0.2).profile(some))
    assert np.median(np.abs(errors(predictor, paper(), others))) < 0.03


def test_a_law_that_macs_do_not_tell_is_learnt(paper, some, others) -> None:
    """Channels that do not fill vector registers take twice the time: no sum of work says so."""

    def uneven(s) -> float:
        return work(s)[1] / 1e7 * (1.0 if s.shape[0] % 16 == 0 else 2.0) + 0.01

    device = paper(uneven)
    predictor = Predictor(device.profile(some))
    macs = np.array([sum(layer.macs for layer in trace(g)) for g in others.values()])
    timed = np.array([device.network(name, g).ms for name, g in others.items()])
    by_macs = np.abs(macs * np.median(timed / macs) / timed - 1)
    ours = np.abs(errors(predictor, device, others))
    assert np.median(ours) < 0.5 * np.median(by_macs)
    assert np.median(ours) < 0.05


def test_timings_that_mean_nothing_predict_nothing(exact, paper, some, others) -> None:
    """The control: the tests above must not pass by themselves."""
    draw = np.random.default_rng(0)
    device = paper(lambda s: float(draw.exponential()))
    predicted = Predictor(device.profile(some)).predict_many(others.values())
    timed = [device.network(name, g).ms for name, g in others.items()]
    assert np.median(np.abs(predicted / timed - 1)) > 0.05
    truth = [paper().network(name, g).ms for name, g in others.items()]
    right = exact.predict_many(others.values())
    assert spearmanr(right, truth).statistic > 0.999 > spearmanr(predicted, truth).statistic


def test_intervals_hold_networks_that_were_not_profiled(paper, some, others) -> None:
    held = []
    for seed in range(4):
        predictor = Predictor(paper(network_noise=0.05, seed=seed).profile(some))
        fresh = paper(network_noise=0.05, seed=100 + seed)
        for name, g in others.items():
            p = predictor.predict(g)
            held.append(p.low_ms <= fresh.network(name, g).ms <= p.high_ms)
    assert 0.8 <= np.mean(held) <= 0.99


def test_more_noise_makes_wider_intervals(paper, some) -> None:
    profile = paper(network_noise=0.1).profile(some)
    wide = Predictor(profile)
    assert wide.error > 2 * Predictor(paper(network_noise=0.02).profile(some)).error
    assert Predictor(profile, coverage=0.5).error < wide.error


def test_many_are_one_by_one_and_a_trace_is_its_genotype(paper, some, others) -> None:
    profile = paper(layer_noise=0.1).profile(dict(list(some.items())[:6]))
    many = Predictor(profile).predict_many(others.values())
    predictor = Predictor(profile)
    assert many.tolist() == pytest.approx([predictor.predict(g).ms for g in others.values()])
    g = others["other 0"]
    assert predictor.predict(trace(g)) == predictor.predict(g)


def test_a_kind_that_was_never_timed_is_said_and_widens(exact, others) -> None:
    assert exact.predict(others["other 0"]).extrapolated == ()
    p = exact.predict(known("squeezenet1_1"))
    assert "concat was never timed" in p.extrapolated
    assert "pool max was never timed" in p.extrapolated
    inside = exact.predict(others["other 0"])
    assert p.high_ms / p.ms > inside.high_ms / inside.ms


def test_a_network_far_larger_than_any_profiled_is_said(exact) -> None:
    g = Genotype("large", (3, 256, 256), (Block("conv", {"width": 1024, "kernel": 3}, repeat=4),), (), (Block("gap"),))
    assert any("far outside the profiled" in text for text in exact.predict(g).extrapolated)


def test_few_timings_of_a_kind_are_enough_for_its_work(paper) -> None:
    """Five small networks: most groups have fewer timings than a correction needs."""
    rows = [Block("conv", {"width": w, "kernel": 3}) for w in (8, 16, 24, 32, 40, 48)]
    genotypes = {f"{i}": Genotype(f"{i}", (3, 32, 32), (row,), (), (Block("gap"),)) for i, row in enumerate(rows)}
    held_out = genotypes.pop("2")
    predictor = Predictor(paper().profile(genotypes))
    assert predictor.predict(held_out).ms == pytest.approx(paper().network("2", held_out).ms, rel=0.02)


def test_too_few_networks_and_a_senseless_coverage_are_refused(paper, some) -> None:
    with pytest.raises(DeviceError, match="at least 5 networks; this one has 4"):
        Predictor(paper().profile(dict(list(some.items())[:4])))
    with pytest.raises(DeviceError, match="coverage is a share between 0 and 1; got 90"):
        Predictor(paper().profile(some), coverage=90)


def test_layers_are_asked_once(paper, some, others, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(paper().profile(dict(list(some.items())[:5])))
    g = others["other 1"]
    first = predictor.predict(g)

    def refuse(signatures: object) -> None:
        raise AssertionError("all of these layers are known by now")

    monkeypatch.setattr(predictor, "_layers", type("Known", (), {"__call__": refuse, "knows": lambda self, s: True})())
    assert predictor.predict(g).ms == first.ms
    assert len(predictor._known) >= len(set(signatures(trace(g))))

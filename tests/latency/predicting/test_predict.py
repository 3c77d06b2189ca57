from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype, Style, trace
from nasbench.latency.predicting.predict import Prediction, Predictor
from nasbench.latency.predicting.signature import work
from nasbench.zoo import known

# Convolutions wider than any of the space's, on smaller images.
WIDE = Genotype(
    "wide",
    (3, 28, 28),
    (Block("conv", {"width": 64, "kernel": 3, "stride": 2}), Block("conv", {"width": 1024, "kernel": 3, "stride": 2}, repeat=2)),
    (),
    (Block("gap"), Block("linear", {"width": 1000})),
    Style(act="relu6"),
)


def errors(predictor: Predictor, paper, genotypes) -> np.ndarray:
    """Predicted over timed, less one, of networks that the predictor has not seen."""
    return np.array([predictor.predict(g).ms / paper.network(name, g).ms - 1 for name, g in genotypes.items()])


def milliseconds(predictor: Predictor, genotypes) -> np.ndarray:
    return np.array([p.ms for p in predictor.predict_many(genotypes.values())])


def half_width(p: Prediction) -> float:
    """Of the interval, relative."""
    return p.high_ms / p.ms - 1


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
    predicted = milliseconds(Predictor(device.profile(some)), others)
    timed = [device.network(name, g).ms for name, g in others.items()]
    assert np.median(np.abs(predicted / np.array(timed) - 1)) > 0.05
    truth = [paper().network(name, g).ms for name, g in others.items()]
    right = milliseconds(exact, others)
    assert spearmanr(right, truth).statistic > 0.999 > spearmanr(predicted, truth).statistic


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("seeds", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_intervals_hold_networks_that_were_not_profiled(paper, some, others, silent: bool, seeds: int) -> None:
    """On average over profiles: one of 16 networks may hold a third less, or all."""
    held = []
    for seed in range(seeds):
        noise = {"network_noise": 0.05, "layer_noise": 0.1, "silent": silent}
        predictor = Predictor(paper(**noise, seed=seed).profile(some))
        fresh = paper(**noise, seed=100 + seed)
        for (name, g), p in zip(others.items(), predictor.predict_many(others.values()), strict=True):
            held.append(p.low_ms <= fresh.network(name, g).ms <= p.high_ms)
    assert 0.85 <= np.mean(held) <= 0.97


def test_more_noise_makes_wider_intervals(paper, some) -> None:
    profile = paper(network_noise=0.1).profile(some)
    wide = Predictor(profile)
    assert wide.error > 2 * Predictor(paper(network_noise=0.02).profile(some)).error
    assert Predictor(profile, coverage=0.5).error < wide.error


@pytest.mark.parametrize("silent", [False, True])
def test_many_are_one_by_one_and_a_trace_is_its_genotype(paper, some, others, silent: bool) -> None:
    profile = paper(layer_noise=0.1, silent=silent).profile(dict(list(some.items())[:6]))
    odd = {"squeezenet1_1": known("squeezenet1_1"), "wide": WIDE}
    many = Predictor(profile).predict_many([*others.values(), *odd.values()])
    predictor = Predictor(profile)
    for one, several in zip((predictor.predict(g) for g in (*others.values(), *odd.values())), many, strict=True):
        assert one[:3] == pytest.approx(several[:3])
        assert one.extrapolated == several.extrapolated
    g = others["other 0"]
    assert predictor.predict(trace(g)) == predictor.predict(g)
    assert predictor.predict_many([]) == []


def test_a_network_unlike_those_profiled_gets_a_wider_interval(paper, some, others) -> None:
    """Kernels of groups that were timed, but of other sizes: there the folds' fits disagree."""
    predictor = Predictor(paper(layer_noise=0.2).profile(some))
    usual = [half_width(p) for p in predictor.predict_many(others.values())]
    wide = predictor.predict(WIDE)
    assert not any("never timed" in text for text in wide.extrapolated)
    assert half_width(wide) > 1.5 * max(usual)
    assert predictor.unsure(WIDE) > 2 * max(predictor.unsure(g) for g in others.values())


def test_one_is_unsure_of_what_was_never_timed(exact, others) -> None:
    usual = max(exact.unsure(g) for g in others.values())
    for name in ("squeezenet1_1", "googlenet", "shufflenet_v2_x1_0"):
        assert exact.unsure(known(name)) > usual + 0.02
    g = known("squeezenet1_1")
    assert exact.unsure(trace(g)) == exact.unsure(g)


def test_sizes_far_from_those_timed_are_said(exact, paper) -> None:
    p = exact.predict(WIDE)
    low, high = exact.range_ms
    assert low < p.ms < high  # its latency is as usual
    assert any("of its time is in layers of sizes far from those timed" in text for text in p.extrapolated)
    assert half_width(p) < 10  # said, and still a number


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


def test_kernels_are_asked_once(paper, some, others, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(paper().profile(dict(list(some.items())[:5])))
    g = others["other 1"]
    first = predictor.predict(g)

    def refuse(*_: object) -> None:
        raise AssertionError("all of these kernels are known by now")

    for law in (predictor._whole, *predictor._without):
        monkeypatch.setattr(law, "times", refuse)
    assert predictor.predict(g) == first
    with pytest.raises(AssertionError, match="known by now"):  # the control
        predictor.predict(known("squeezenet1_1"))


def test_a_runtime_that_fuses_is_predicted_by_its_kernels(paper, some, others) -> None:
    device = paper(runtime="onnxruntime")
    predictor = Predictor(device.profile(some))
    assert np.abs(errors(predictor, device, others)).max() < 0.01
    apart = sum(paper().network(name, g).ms for name, g in others.items())
    assert milliseconds(predictor, others).sum() < 0.9 * apart  # norms and activations are not paid for


def test_a_runtime_that_tells_totals_alone_is_predicted(paper, some, others) -> None:
    device = paper(runtime="compile", silent=True)
    predictor = Predictor(device.profile(some))
    assert np.abs(errors(predictor, device, others)).max() < 0.05
    assert predictor.predict(others["other 0"]).extrapolated == ()


@pytest.mark.parametrize("silent", [False, True])
def test_ten_networks_are_enough_with_another_devices_profile(paper, some, others, silent: bool) -> None:
    """The other device is unlike in what its kernels cost; how they depend on sizes is alike."""

    def uneven(s) -> float:
        return work(s)[1] ** 0.8 / 1e5 * (1.0 if s.shape[0] % 16 == 0 else 2.0) + 0.01

    few = dict(list(some.items())[:10])
    new = paper(lambda s: 0.4 * uneven(s) + work(s)[4] / 1e7, runtime="compile", silent=silent, network_noise=0.01)
    base = paper(uneven).profile(some)
    adapted, alone = Predictor(new.profile(few, base)), Predictor(new.profile(few))
    assert np.median(np.abs(errors(adapted, new, others))) < 0.05
    if silent:
        assert np.median(np.abs(errors(adapted, new, others))) < 0.7 * np.median(np.abs(errors(alone, new, others)))


def test_a_kind_timed_on_the_other_device_alone_is_predicted_and_still_said(paper, some) -> None:
    """There, squeezenet was timed too; here it was not."""

    def costly(s) -> float:
        return paper().law(s) * (20 if s.kind in ("concat", "pool") else 1)

    strange = known("squeezenet1_1")
    base = paper(costly).profile(some | {"squeezenet1_1": strange, "squeezenet1_0": known("squeezenet1_0")})
    new = paper(lambda s: 3 * costly(s))
    adapted, alone = Predictor(new.profile(some, base)).predict(strange), Predictor(new.profile(some)).predict(strange)
    truth = new.network("squeezenet1_1", strange).ms
    assert abs(adapted.ms / truth - 1) < 0.5 * abs(alone.ms / truth - 1)
    assert {"concat was never timed", "pool max was never timed"} <= set(adapted.extrapolated) & set(alone.extrapolated)

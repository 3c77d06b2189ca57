"""Laws of single kernels, and what stands in for those that were not timed."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.genotype import trace
from nasbench.latency.predicting.kernel_times import LayerTimes, by_group, unfused
from nasbench.latency.predicting.signature import ODD, Signature, group, parts, signatures
from nasbench.zoo import known


def conv(cin: int, cout: int, size: int = 14, kernel: int = 1, groups: int = 1, tail: tuple[str, ...] = ()) -> Signature:
    return Signature("conv", ((cin, size, size),), (cout, size, size), ((kernel, kernel), 1, groups, False, 1), tail)


WIDTHS = (16, 24, 32, 48, 64, 96, 128)
POINTWISE = [conv(a, b) for a in WIDTHS for b in WIDTHS]
DEPTHWISE = [conv(w, w, kernel=k, groups=w) for w in WIDTHS for k in (3, 5)]


@pytest.fixture
def law(paper):
    return paper().law


def test_a_law_is_found_from_some_kernels_and_holds_for_others(law) -> None:
    times = LayerTimes((s, law(s)) for s in POINTWISE[::2])
    assert times(POINTWISE[1::2]) == pytest.approx([law(s) for s in POINTWISE[1::2]], rel=0.02)


def test_a_kernel_that_was_timed_is_drawn_to_what_was_seen_the_more_the_oftener(law) -> None:
    """One kernel takes twice what the law of all others says."""
    odd = POINTWISE[10]
    ratios = []
    for seen in (1, 4, 40):
        times = LayerTimes([*((s, law(s)) for s in POINTWISE if s != odd), *[(odd, 2 * law(odd))] * seen])
        ratios.append(float(times([odd])[0]) / law(odd))
    assert ratios == sorted(ratios)
    assert 1.0 < ratios[0] < 1.6
    assert ratios[2] == pytest.approx(2.0, rel=0.1)


def test_sizes_far_from_those_timed_are_not_reached(law) -> None:
    times = LayerTimes((s, law(s)) for s in POINTWISE)

    def reached(s: Signature) -> bool:
        ((name, some),) = by_group([s]).items()
        return bool(times.reaches(name, some)[0])

    assert reached(conv(40, 80))
    assert reached(conv(8, 256))  # half the smallest, twice the largest
    assert not reached(conv(4, 64))
    assert not reached(conv(64, 320))
    assert not reached(conv(64, 64, size=56))
    assert not reached(DEPTHWISE[0])


def test_without_a_base_what_was_not_timed_is_as_the_others(law) -> None:
    times = LayerTimes((s, law(s)) for s in POINTWISE)
    assert times.knows(POINTWISE[0])
    assert not times.knows(DEPTHWISE[0])
    assert np.isfinite(times(DEPTHWISE)).all()
    odd = conv(33, 65)
    assert group(odd).endswith(ODD)
    assert not times.knows(odd)
    assert times([odd])[0] == pytest.approx(law(odd), rel=0.1)  # as those of even channels, not as all


def test_a_group_never_timed_is_as_on_the_other_device_but_for_one_ratio(law) -> None:
    base = LayerTimes((s, law(s)) for s in [*POINTWISE, *DEPTHWISE])
    alone = LayerTimes((s, 3 * law(s)) for s in POINTWISE)
    adapted = LayerTimes(((s, 3 * law(s)) for s in POINTWISE), base)
    assert adapted(DEPTHWISE) == pytest.approx(3 * base(DEPTHWISE), rel=0.02)
    assert not adapted.knows(DEPTHWISE[0])  # it is a guess all the same
    assert adapted(POINTWISE) == pytest.approx(alone(POINTWISE))  # what was timed is its own
    truth = np.array([3 * law(s) for s in DEPTHWISE])
    assert np.abs(alone(DEPTHWISE) / truth - 1).mean() > 5 * np.abs(adapted(DEPTHWISE) / truth - 1).mean()


def test_a_base_that_runs_layers_one_by_one_lends_the_sum_of_a_kernels_parts(law) -> None:
    layers = signatures(trace(known("mobilenet_v2")))
    base = LayerTimes((s, law(s)) for s in layers)
    fused = signatures(trace(known("mobilenet_v2")), fused=True)
    assert unfused(base, fused).sum() == pytest.approx(base(layers).sum())
    assert unfused(base, fused[:1]) == pytest.approx([base(parts(fused[0])).sum()])
    timed = [s for s in fused if "depthwise" not in group(s)]
    left = [s for s in fused if "depthwise" in group(s)]
    half = LayerTimes(zip(timed, 0.5 * unfused(base, timed), strict=True), base)
    assert half(left) == pytest.approx(0.5 * unfused(base, left), rel=1e-3)

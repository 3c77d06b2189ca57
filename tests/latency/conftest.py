"""A device that only exists on paper, with a law for the time of every layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
import torch

from nasbench.genotype import Genotype, digest, trace
from nasbench.latency.device import Device
from nasbench.latency.predicting.predict import Predictor
from nasbench.latency.predicting.profile import Profile, TimedNetwork
from nasbench.latency.predicting.signature import Signature, signatures, work
from nasbench.latency.runtimes.registry import RUNTIMES
from nasbench.spaces import load_space

Law = Callable[[Signature], float]


def law(s: Signature) -> float:
    """Milliseconds: a call, work, and depthwise convolutions at a fifth of the speed of others."""
    _, macs, _, read, written, weights, *_ = work(s)
    slow = 5.0 if s.kind == "conv" and s.attrs[2] > 1 else 1.0
    return 0.01 + slow * macs / 2e7 + (read + written) / 4e6 + weights / 1e7


class Paper:
    """Times networks by `law`, with relative noise per kernel and per network; `silent` devices tell totals alone."""

    def __init__(
        self,
        law: Law = law,
        layer_noise: float = 0.0,
        network_noise: float = 0.0,
        seed: int = 0,
        runtime: str = "eager",
        silent: bool = False,
    ) -> None:
        self.law, self.layer_noise, self.network_noise, self.runtime, self.silent = law, layer_noise, network_noise, runtime, silent
        self.draw = np.random.default_rng(seed)

    def kernels(self, g: Genotype) -> list[tuple[Signature, float]]:
        several = signatures(trace(g), RUNTIMES[self.runtime].fuses)
        return [(s, self.law(s) * float(np.exp(self.layer_noise * self.draw.normal()))) for s in several]

    def network(self, name: str, g: Genotype) -> TimedNetwork:
        factor = float(np.exp(self.network_noise * self.draw.normal()))
        kernels = tuple((s, ms * factor) for s, ms in self.kernels(g))
        ms = sum(ms for _, ms in kernels)
        told = tuple((s, None if self.silent else ms) for s, ms in kernels)
        return TimedNetwork(name, digest(g), ms, ms, ms, 8, told)

    def profile(self, genotypes: Mapping[str, Genotype], base: Profile | None = None) -> Profile:
        device = Device("cpu", "Paper", self.runtime, versions={"torch": "2", "python": "3", "nasbench": "0"})
        networks = tuple(self.network(name, g) for name, g in genotypes.items())
        return Profile(device, 5.0, networks, "2026-01-01T00:00:00Z", base=base)


@pytest.fixture(scope="session")
def some() -> dict[str, Genotype]:
    """16 networks to profile."""
    space = load_space("mbconv")
    return {f"sample {i}": space.sample(i) for i in range(16)}


@pytest.fixture(scope="session")
def others() -> dict[str, Genotype]:
    """30 networks that were not profiled."""
    space = load_space("mbconv")
    return {f"other {i}": space.sample(1000 + i) for i in range(30)}


@pytest.fixture
def paper() -> type[Paper]:
    return Paper


@pytest.fixture(scope="session")
def exact(some: dict[str, Genotype]) -> Predictor:
    """A predictor of a device without noise."""
    return Predictor(Paper().profile(some))


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """Runners flush denormals in the process they measure in; here that process also runs other tests."""
    yield
    torch.set_flush_denormal(False)

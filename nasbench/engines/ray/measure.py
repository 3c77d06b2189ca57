"""Measuring on another machine: the node of a Ray cluster that is the device, as a custom resource of it says."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nasbench.engines.ray.cluster import alive, connected
from nasbench.errors import DeviceError, NasbenchError, StudyError
from nasbench.genotype import Genotype
from nasbench.latency import Device, Measurement, measure
from nasbench.plugins import Plugin, loaded_plugins, use_plugin

Session = Callable[..., dict[str, Measurement]]
START_S = 120.0  # for the node to begin, beside the measuring itself and waiting for its trials
TRIALS_S = 3600.0


def session_on(resource: str, address: str | None, say: Callable[[str], None]) -> Session:
    """As `measure`, on the node of the cluster that has `resource`; one session at a time there, and no trial beside it.

    Trials that run on that node hold its measurement lock, so the session waits until they have ended.
    """

    def session(networks: Mapping[str, Genotype], device: Device, *, max_seconds: float, say: Callable[[str], None] = say) -> Any:
        with connected(address, 0.0):
            return _asked(resource, {name: g.to_yaml() for name, g in networks.items()}, device, max_seconds)

    return session


def _asked(resource: str, networks: dict[str, str], device: Device, max_seconds: float) -> dict[str, Measurement]:
    """
    Raises:
        StudyError: no node has the resource.
        DeviceError: the node is another device, or its measuring failed.
    """
    import ray

    nodes = [node for node in alive() if node["Resources"].get(resource, 0) >= 1]
    if not nodes:
        has = sorted({name for node in alive() for name in node["Resources"] if ":" not in name})
        raise StudyError(
            f"latencies are measured on the node that has --measure-on {resource}; no node of the cluster has it, they have "
            f"{', '.join(has)}; start that node with: ray start --address=... --resources='{{\"{resource}\": 1}}'"
        )
    from nasbench.engines.ray.worker import Driver

    remote = ray.remote(num_cpus=0, max_retries=0, max_calls=1, resources={resource: 1})(_measured)
    answer = remote.remote(Driver.here(), networks, device, max_seconds, loaded_plugins())
    try:
        told: dict[str, Measurement] | str = ray.get(answer, timeout=START_S + TRIALS_S + 10 * max_seconds)
    except Exception as error:
        raise DeviceError(
            f"measuring on the node with {resource} failed: {' '.join(str(error).split())[-300:]}; see that it is there, then go on"
        ) from error
    if isinstance(told, str):
        raise DeviceError(f"on the node with {resource}: {told}")
    return told


def _measured(
    driver: Any, networks: dict[str, str], device: Device, max_seconds: float, plugins: Sequence[Plugin]
) -> dict[str, Measurement] | str:
    """Run there; a mistake comes back in words."""
    from nasbench.engines.ray.worker import settle

    settle(driver)
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":  # Ray hides GPUs from who asks for none, as we must: waiting trials keep theirs
        del os.environ["CUDA_VISIBLE_DEVICES"]
    try:
        for plugin in plugins:
            use_plugin(plugin)
        return measure({name: Genotype.from_yaml(text) for name, text in networks.items()}, device, max_seconds=max_seconds)
    except NasbenchError as error:
        return str(error)

"""Measures latencies on another machine: the node of a Ray cluster that is the device, which a custom resource of Ray marks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nasbench.engines.calls import message_of
from nasbench.engines.ray.cluster import connected
from nasbench.engines.ray.driver import Driver, attach_to
from nasbench.engines.ray.nodes import alive_nodes
from nasbench.errors import DeviceError, NasbenchError, StudyError
from nasbench.genotype import Genotype
from nasbench.latency import Device, Measurement, measure
from nasbench.plugins import Plugin, loaded_plugins, use_plugin

Session = Callable[..., dict[str, Measurement]]
START_S = 120.0  # for the node to start a process
TRIALS_S = 3600.0  # for the trials on the node to end


def session_on(resource: str, address: str | None, say: Callable[[str], None]) -> Session:
    """A function like `measure` that measures on the node of the cluster that has `resource`.

    The node runs one session at a time, and no trial meanwhile: trials hold the node's measuring lock, so the session waits until
    they have ended.

    Args:
        resource: the name of Ray's custom resource, as in `ray start --resources='{"phone": 1}'`.
        address: the address of the cluster, as for RayEngine.
        say: unused; it stands in the function's signature as in that of `measure`.
    """

    def session(networks: Mapping[str, Genotype], device: Device, *, max_seconds: float, say: Callable[[str], None] = say) -> Any:
        with connected(address, 0.0):
            return _measure_on_node(resource, {name: g.to_yaml() for name, g in networks.items()}, device, max_seconds)

    return session


def _measure_on_node(resource: str, networks: dict[str, str], device: Device, max_seconds: float) -> dict[str, Measurement]:
    """Measure networks, given as YAML, in a process on the node.

    Raises:
        StudyError: no node has the resource.
        DeviceError: the node is another device, or measuring failed there.
    """
    import ray

    nodes = [node for node in alive_nodes() if node["Resources"].get(resource, 0) >= 1]
    if not nodes:
        has = sorted({name for node in alive_nodes() for name in node["Resources"] if ":" not in name})
        raise StudyError(
            f"latencies are measured on the node that has --measure-on {resource}; no node of the cluster has it, they have "
            f"{', '.join(has)}; start that node with: ray start --address=... --resources='{{\"{resource}\": 1}}'"
        )
    remote = ray.remote(num_cpus=0, max_retries=0, max_calls=1, resources={resource: 1})(_measure_here)
    reference = remote.remote(Driver.here(), networks, device, max_seconds, loaded_plugins())
    try:
        result: dict[str, Measurement] | str = ray.get(reference, timeout=START_S + TRIALS_S + 10 * max_seconds)
    except Exception as error:
        raise DeviceError(
            f"measuring on the node with {resource} failed: {message_of(error)[-300:]}; see that it is there, then go on"
        ) from error
    if isinstance(result, str):
        raise DeviceError(f"on the node with {resource}: {result}")
    return result


def _measure_here(
    driver: Driver, networks: dict[str, str], device: Device, max_seconds: float, plugins: Sequence[Plugin]
) -> dict[str, Measurement] | str:
    """Measure networks in this process, on the node. Returns the message of an error that the user can cause."""
    attach_to(driver)
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":  # Ray hides GPUs from a task that reserves none; ours cannot, since trials have them
        del os.environ["CUDA_VISIBLE_DEVICES"]
    try:
        for plugin in plugins:
            use_plugin(plugin)
        return measure({name: Genotype.from_yaml(text) for name, text in networks.items()}, device, max_seconds=max_seconds)
    except NasbenchError as error:
        return str(error)

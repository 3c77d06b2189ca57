"""The nodes of the connected Ray cluster: how many trials they have room for, and whether they can run ours."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from nasbench.engines.calls import message_of
from nasbench.engines.gpus import trials_per_gpu
from nasbench.errors import StudyError

NODE_S = 120.0  # for a node to start a worker that imports nasbench
COMPARED = ("nasbench", "torch", "numpy")  # packages that must have the same version on every node


def alive_nodes() -> list[dict[str, Any]]:
    """The nodes that are alive, as Ray describes them."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"]]


def is_client() -> bool:
    """Whether this process is connected by `ray://` to a cluster that it is not part of."""
    from ray.util.client import ray as client

    return bool(client.is_connected())  # type: ignore[no-untyped-call]


def trial_slots(cpus: float, gpus: float) -> int:
    """How many trials with so many CPUs and GPUs each the cluster can run at a time; 0 if no node is large enough."""
    return sum(_slots_of(node["Resources"], cpus, gpus) for node in alive_nodes())


def require_slots(cpus: float, gpus: float) -> int:
    """How many trials the cluster can run at a time: at least one. Ray itself would wait for what it does not have.

    Raises:
        StudyError: no node is large enough.
    """
    slots = trial_slots(cpus, gpus)
    if not slots:
        nodes = alive_nodes()
        has = "; ".join(f"{_amount(n['Resources'], 'CPU')} CPUs, {_amount(n['Resources'], 'GPU')} GPUs" for n in nodes[:5])
        raise StudyError(
            f"a trial needs {cpus:g} CPUs and {gpus:g} GPUs on one node, which no node of the cluster has ({len(nodes)}: {has}); "
            "ask for less with --cpus-per-trial or --gpus-per-trial, or add a node"
        )
    return slots


def check_versions() -> None:
    """Check that every node runs trials as this process would, with the same versions.

    Raises:
        StudyError: a node lacks nasbench, or has other versions.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    pending = {}
    own = None if is_client() else ray.get_runtime_context().get_node_id()
    for node in alive_nodes():
        if node["NodeID"] != own:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            remote = ray.remote(num_cpus=0, max_retries=0)(package_versions)
            pending[node["NodeManagerHostname"]] = remote.options(scheduling_strategy=there).remote()
    here = package_versions()
    for name, reference in pending.items():
        try:
            versions = ray.get(reference, timeout=NODE_S)
        except Exception as error:
            raise StudyError(
                f"every node of the cluster needs nasbench, installed as it is here; {name}: {message_of(error)[-300:]}; "
                "install it there, or take the node out of the cluster"
            ) from error
        if versions != here:
            raise StudyError(
                f"trials compare only where every node has the same versions; {name} has {_list(versions)}, "
                f"here are {_list(here)}; install the same there"
            )


def package_versions() -> dict[str, str]:
    """The versions on this node of the packages that decide a trial's result."""
    return {name: metadata.version(name) for name in COMPARED}


def _slots_of(has: Mapping[str, float], cpus: float, gpus: float) -> int:
    slots = int(has.get("CPU", 0) / cpus + 1e-9)
    if gpus:
        whole = int(has.get("GPU", 0))
        slots = min(slots, whole * trials_per_gpu(gpus) if gpus < 1 else whole // int(gpus))
    return slots


def _amount(has: Mapping[str, float], name: str) -> str:
    return f"{has.get(name, 0):g}"


def _list(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())

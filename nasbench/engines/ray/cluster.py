"""A Ray cluster to run on: one of our own on this machine, or one that is there; and whether it has what trials need."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from nasbench.engines.gpus import trials_per_gpu, visible_gpus
from nasbench.errors import StudyError

MIB = 2**20
STORE_BYTES = 128 * MIB  # of our own cluster's object store, beside what is shared
NODE_S = 120.0  # for a node to start a worker that loads nasbench
CONNECT_S = 10.0
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
CLIENT = "ray://"
PREFIX = "nasbench-ray-"
# Read when Ray is imported or started, and by its daemons: silence, no reports to its makers, and no trial changes its folder.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": str(10**9),
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": str(10**9),
}
# A cluster of our own is for this machine alone: with the first, every listener binds to 127.0.0.1, and looks for others there.
ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# The token, which Ray wants of whoever connects, is in no file. Ray reads it once in a process.
OWN_SETTINGS = {ALONE: "0", "RAY_worker_niceness": "0", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def connected(address: str | None, gpus: float, store_bytes: int = 0) -> Iterator[None]:
    """Be connected to the cluster at `address`, or to one of our own that ends with this; a connection that is there is used and kept.

    Raises:
        StudyError: there is no such cluster, or Ray cannot start one.
    """
    _check_installed("ray", "--engine ray needs Ray", "ray[tune]")
    if address is not None and address.startswith(CLIENT):
        _check_installed("grpcio", f"--address {CLIENT}... needs Ray's client", "ray[client]")
    host = _reached(address)
    os.environ.update(SETTINGS)
    settings = OWN_SETTINGS if address is None else {ALONE: "0"} if host in LOOPBACK else {}
    with _set(settings), _joined(address, bool(settings), gpus, store_bytes):
        yield


def _reached(address: str | None) -> str | None:
    """The host of a cluster whose head answers; Ray itself would try for many minutes.

    Raises:
        StudyError: no address, or nobody answers there.
    """
    if address in (None, "auto"):
        return None
    host, _, port = str(address).removeprefix(CLIENT).rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise StudyError(
            f"--address is auto, HOST:PORT of a Ray cluster's head that answers, or {CLIENT}HOST:PORT of its client server; "
            f"{address}: {error}; run ray start --head there"
        ) from error
    return host


@contextmanager
def _joined(address: str | None, alone: bool, gpus: float, store_bytes: int) -> Iterator[None]:
    import ray

    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield
        return
    folder = _own_folder() if address is None else None
    constants = ray._private.ray_constants  # ALONE is read when Ray is imported, which another may have done before us
    many = constants.ENABLE_RAY_CLUSTER
    where: dict[str, Any] = {"address": address}
    if folder is not None:
        cpus = len(os.sched_getaffinity(0))
        where = {
            "address": "local",
            "num_cpus": cpus,
            "num_gpus": len(visible_gpus()) if gpus else 0,
            "object_store_memory": STORE_BYTES + store_bytes,
            "include_dashboard": False,
            "_temp_dir": str(folder / "ray"),  # Ray opens this one to everybody
        }
    try:
        ray._private.worker._worker_logs_enabled = False  # else Ray prints the death of a worker, to standard output
        constants.ENABLE_RAY_CLUSTER = many and not alone
        _init(where, f"no Ray cluster answers at --address {address}" if address else "a Ray cluster on this machine cannot be started")
        yield
    finally:
        with _own_signals():
            ray.shutdown()
        constants.ENABLE_RAY_CLUSTER = many
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _init(where: Mapping[str, Any], failure: str) -> None:
    """
    Raises:
        StudyError: saying the failure, and Ray's reason.
    """
    import ray

    # For each client the cluster starts a process, by a fork beside threads that hangs now and then: it is asked again.
    for left in (1, 0) if str(where["address"]).startswith(CLIENT) else (0,):
        try:
            with _own_signals():
                ray.init(**where, log_to_driver=False, logging_level=logging.CRITICAL, configure_logging=False)
            return
        except Exception as error:
            if not left:
                raise StudyError(f"{failure}: {' '.join(str(error).split())[:300]}; --engine local needs none") from error


@contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables, for as long as it lasts: a cluster that this process joins later is not for it alone."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def room(cpus: float, gpus: float) -> int:
    """How many trials the cluster can run at a time.

    Raises:
        StudyError: none, ever; Ray itself would wait for what it does not have.
    """
    found = seats(cpus, gpus)
    if not found:
        nodes = alive()
        has = "; ".join(f"{_amount(n['Resources'], 'CPU')} CPUs, {_amount(n['Resources'], 'GPU')} GPUs" for n in nodes[:5])
        raise StudyError(
            f"a trial needs {cpus:g} CPUs and {gpus:g} GPUs on one node, which no node of the cluster has ({len(nodes)}: {has}); "
            "ask for less with --cpus-per-trial or --gpus-per-trial, or add a node"
        )
    return found


def seats(cpus: float, gpus: float) -> int:
    """The same; 0 where there is no room."""
    return sum(_seats(node["Resources"], cpus, gpus) for node in alive())


def alive() -> list[dict[str, Any]]:
    """The cluster's nodes, as Ray describes them."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"]]


def other_hosts(here: Any, describe_node: Callable[[], dict[str, Any]]) -> list[str]:
    """Names of the cluster's other machines, after every node has said that it can run trials as this one would.

    Raises:
        StudyError: a node lacks nasbench, or has other versions.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = {}
    own = None if is_client() else ray.get_runtime_context().get_node_id()
    for node in alive():
        if node["NodeID"] != own:
            only = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            remote = ray.remote(num_cpus=0, max_retries=0)(describe_node)
            asked[node["NodeManagerHostname"]] = remote.options(scheduling_strategy=only).remote()
    mine, found = describe_node()["versions"], []
    for name, answer in asked.items():
        try:
            said = ray.get(answer, timeout=NODE_S)
        except Exception as error:
            raise StudyError(
                f"every node of the cluster needs nasbench, installed as it is here; {name}: {' '.join(str(error).split())[-300:]}; "
                "install it there, or take the node out of the cluster"
            ) from error
        if said["versions"] != mine:
            raise StudyError(
                f"trials compare only where every node has the same versions; {name} has {_list(said['versions'])}, "
                f"here are {_list(mine)}; install the same there"
            )
        if said["host"] != here:
            found.append(name)
    return found


def store_bytes() -> int:
    """What the smallest object store of the cluster holds."""
    return int(min(node["Resources"].get("object_store_memory", 0) for node in alive()))


def _seats(has: Mapping[str, float], cpus: float, gpus: float) -> int:
    found = int(has.get("CPU", 0) / cpus + 1e-9)
    if gpus:
        whole = int(has.get("GPU", 0))
        found = min(found, whole * trials_per_gpu(gpus) if gpus < 1 else whole // int(gpus))
    return found


def _amount(has: Mapping[str, float], name: str) -> str:
    return f"{has.get(name, 0):g}"


def _list(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def is_client() -> bool:
    """Whether this process is connected to a cluster that it is no part of."""
    from ray.util.client import ray as client

    return bool(client.is_connected())  # type: ignore[no-untyped-call]


def _check_installed(package: str, what: str, extra: str) -> None:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        raise StudyError(f"{what}, which is not installed here; pip install '{extra}', or use --engine local") from None


def _own_folder() -> Path:
    """Where our own cluster keeps sockets and logs, for this user alone; those of drivers that were killed are removed.

    Unix sockets have paths of at most 107 characters, so a long TMPDIR is not followed.
    """
    root = tempfile.gettempdir() if len(tempfile.gettempdir()) <= 20 else "/tmp"  # noqa: S108 -- mkdtemp makes it private
    for old in Path(root).glob(f"{PREFIX}*"):
        pid = old.name.removeprefix(PREFIX).split("-")[0]
        with suppress(OSError):
            if pid.isdigit() and old.stat().st_uid == os.getuid() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root))


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray puts a handler of its own in place of the driver's for SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

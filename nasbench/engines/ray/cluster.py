"""Connects this process to a Ray cluster: to one that it starts on this machine, or to one that runs already."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from nasbench.engines.calls import message_of
from nasbench.engines.gpus import visible_gpus
from nasbench.errors import StudyError
from nasbench.processes import TemporaryFolder, root_for_sockets

STORE_BYTES = 128 * 2**20  # of the object store of our own cluster, beside the data that trials share
CONNECT_S = 10.0
DAEMONS = ("raylet", "gcs_server")  # of each node, and of the head
SOCKET_LETTERS = 98  # of the path of a socket after the folder for temporary files: our folder, and what Ray makes in it
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
CLIENT = "ray://"
# Ray and its daemons read these when they are imported or started. Ray prints nothing and sends no usage reports, and trials keep
# their working directory.
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
# With this variable at 0, everything that Ray starts listens on 127.0.0.1 only, and connects to others there.
LOCAL_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
# Whoever connects to our own cluster needs the token, which is in no file. Ray reads it once in each process.
OWN_SETTINGS = {LOCAL_ONLY: "0", "RAY_worker_niceness": "0", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def connected(address: str | None, gpus: float, store_bytes: int = 0) -> Iterator[None]:
    """Connect to a cluster, and disconnect at the end. If this process is connected already, that connection is used and stays.

    Args:
        address: `auto`, HOST:PORT or ray://HOST:PORT; None starts a cluster on this machine, which ends with the connection.
        gpus: GPUs of a trial; a cluster that is started here has the visible GPUs if this is above 0.
        store_bytes: size of the data that trials share, for a cluster that is started here.

    Raises:
        StudyError: there is no such cluster, or Ray cannot start one.
    """
    _check_installed("ray", "--engine ray needs Ray", "ray[tune]")
    if address is not None and address.startswith(CLIENT):
        _check_installed("grpcio", f"--address {CLIENT}... needs Ray's client", "ray[client]")
    host = _answering_host(address)
    os.environ.update(SETTINGS)
    importlib.import_module("ray")  # here, because Ray reads SETTINGS when it is imported, and would also read LOCAL_ONLY below
    settings = OWN_SETTINGS if address is None else {LOCAL_ONLY: "0"} if host in LOOPBACK else {}
    with _environment(settings), _connection(address, bool(settings), gpus, store_bytes):
        yield


def _answering_host(address: str | None) -> str | None:
    """The host in an address, after its port has accepted a connection: Ray itself would try for many minutes.

    Raises:
        StudyError: it is not an address, or nothing answers there.
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
def _connection(address: str | None, local_only: bool, gpus: float, store_bytes: int) -> Iterator[None]:
    import ray

    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        yield
        return
    folder = _own_folder() if address is None else None
    constants = ray._private.ray_constants  # Ray reads LOCAL_ONLY when it is imported, which may have happened before
    many_hosts = constants.ENABLE_RAY_CLUSTER
    options: dict[str, Any] = {"address": address}
    if folder is not None:
        options = {
            "address": "local",
            "num_cpus": len(os.sched_getaffinity(0)),
            "num_gpus": len(visible_gpus()) if gpus else 0,
            "object_store_memory": STORE_BYTES + store_bytes,
            "include_dashboard": False,
            "_temp_dir": str(folder.path / "ray"),  # Ray makes this folder readable for everybody, but not the one around it
        }
    try:
        ray._private.worker._worker_logs_enabled = False  # otherwise Ray prints the death of a worker to standard output
        constants.ENABLE_RAY_CLUSTER = many_hosts and not local_only
        _init(options, f"no Ray cluster answers at --address {address}" if address else "a Ray cluster on this machine cannot be started")
        yield
    finally:
        if dead_daemon() is not None:
            _kill_daemons()
        else:
            with _signal_handler_kept():
                ray.shutdown()
        constants.ENABLE_RAY_CLUSTER = many_hosts
        if folder is not None:
            folder.close()


def dead_daemon() -> str | None:
    """A process of our own cluster that died, such as `raylet`; None while they run, and for a cluster that others started.

    Without one of them every call of Ray waits, and after a minute Ray ends this process without a word of ours.
    """
    import ray

    node: Any = ray._private.worker._global_node
    return None if node is None else next((str(name) for name, _ in node.dead_processes() if name in DAEMONS), None)


def _kill_daemons() -> None:
    """Kill what is left of our own cluster. Its `ray.shutdown` would wait for the dead part, now or at exit."""
    import ray

    atexit.unregister(ray.shutdown)
    node: Any = ray._private.worker._global_node
    for processes in node.all_processes.values():
        for started in processes:
            started.process.kill()


def _init(options: Mapping[str, Any], failure: str) -> None:
    """Call `ray.init`.

    Raises:
        StudyError: the text `failure`, and Ray's reason.
    """
    import ray

    # The cluster forks a process for each client, beside threads, and such a fork hangs now and then: then we try once more.
    for left in (1, 0) if str(options["address"]).startswith(CLIENT) else (0,):
        try:
            with _signal_handler_kept():
                ray.init(**options, log_to_driver=False, logging_level=logging.CRITICAL, configure_logging=False)
            return
        except Exception as error:
            if not left:
                raise StudyError(f"{failure}: {message_of(error)[:300]}; --engine local needs none") from error


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and restore them at the end: this process may join another cluster later."""
    before = {name: os.environ.get(name) for name in (*variables, "RAY_AUTH_MODE")}  # Ray sets the last one where there is a token
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _check_installed(package: str, what: str, extra: str) -> None:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        raise StudyError(f"{what}, which is not installed here; pip install '{extra}', or use --engine local") from None


def _own_folder() -> TemporaryFolder:
    """A folder for the sockets and logs of our own cluster."""
    return TemporaryFolder("ray", root_for_sockets(SOCKET_LETTERS))


@contextmanager
def _signal_handler_kept() -> Iterator[None]:
    """Restore the driver's handler of SIGTERM at the end, because Ray installs its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

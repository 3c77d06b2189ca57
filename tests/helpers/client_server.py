"""A Ray cluster on this machine that drivers reach only by `ray://`. It prints its address, and ends with its standard input."""

from __future__ import annotations

import os
import socket
import sys
import time

from nasbench.engines.ray.cluster import LOCAL_ONLY, SETTINGS

os.environ.update(SETTINGS)
os.environ[LOCAL_ONLY] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"

from ray.cluster_utils import Cluster

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False, "ray_client_server_port": port})
end = time.monotonic() + 60
while time.monotonic() < end:  # its client server starts a little later
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except OSError:
        time.sleep(0.1)
print(f"ray://127.0.0.1:{port}", flush=True)
sys.stdin.read()
cluster.shutdown()

"""A Ray cluster of three nodes on this machine, one with the resource `target`. It prints its address.

The line `kill` on standard input kills one node that runs trials; `end` ends them all.
"""

from __future__ import annotations

import os
import sys

from nasbench.engines.ray.cluster import LOCAL_ONLY, SETTINGS

os.environ.update(SETTINGS)
os.environ[LOCAL_ONLY] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"

from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
nodes = [cluster.add_node(num_cpus=1, resources={"target": 1} if i == 0 else {}) for i in range(2)]
print(cluster.address, flush=True)
for line in sys.stdin:
    if line.strip() == "kill":
        cluster.remove_node(nodes.pop(), allow_graceful=False)
        print("killed", flush=True)
    else:
        break
cluster.shutdown()

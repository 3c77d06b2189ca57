"""Residual blocks that start as identities."""

from __future__ import annotations

import torch
from torch import fx, nn


@torch.no_grad()
def start_as_identity(net: nn.Module) -> int:
    """Set the last norm of each residual branch to zero, so that each block returns its input at first.

    Deep networks then learn faster (Goyal et al. 2017, section 5.1). A residual branch is a norm that is added to a value from which
    it was computed. Blocks with projected shortcuts and networks that are not fx graphs do not change.

    Returns:
        The number of branches.
    """
    if not isinstance(net, fx.GraphModule):
        return 0
    count = 0
    for node in net.graph.nodes:
        if node.op != "call_function" or node.target is not torch.add or len(node.all_input_nodes) != 2:
            continue
        first, second = node.all_input_nodes
        for branch, shortcut in ((first, second), (second, first)):
            norm = net.get_submodule(str(branch.target)) if branch.op == "call_module" else None
            if isinstance(norm, nn.BatchNorm2d) and norm.affine and _depends(branch, shortcut):
                nn.init.zeros_(norm.weight)
                count += 1
    return count


def _depends(node: fx.Node, on: fx.Node) -> bool:
    """Whether `node` is computed from `on`."""
    seen: set[fx.Node] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current is on:
            return True
        if current not in seen and not current < on:  # nodes are in order: a node before `on` cannot depend on it
            seen.add(current)
            waiting += current.all_input_nodes
    return False

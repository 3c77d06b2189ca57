"""Training steps through torch.compile, which writes and compiles a program of its own for a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from nasbench.errors import NasbenchError, first_line


def compiled(net: nn.Module) -> nn.Module:
    """The network as a compiled program with the same parameters, which computes training steps.

    `net` itself stays as it is, so the names in its state dict are those without a program. Each size of the images has a program of its
    own (`dynamic=False`): a program for all sizes would round in another way, and a training that continues after a stop would begin
    with another program than one that never stopped.

    Args:
        net: the network, or its `DistributedDataParallel`.

    Raises:
        NasbenchError: torch does not compile for this Python or system.

    Example:
        >>> program = compiled(nn.Linear(2, 3))  # nothing is compiled before the first step
        >>> sum(parameter.numel() for parameter in program.parameters())
        9

    Source: Ansel et al. 2024, "PyTorch 2: Faster Machine Learning Through Dynamic Python Bytecode Transformation and Graph Compilation".
    """
    try:
        program: Any = torch.compile(net, dynamic=False)
    except RuntimeError as error:
        raise _cannot(error) from error
    module: nn.Module = program
    return module


@contextmanager
def compiler_errors() -> Iterator[None]:
    """Turn what goes wrong while a program is compiled, at its first step, into one line; other errors pass.

    Raises:
        NasbenchError: the compiler failed or is missing.
    """
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import TorchDynamoException  # not at the top, because its import takes a second

        if not isinstance(error, TorchDynamoException):
            raise
        raise _cannot(error) from error


def _cannot(error: RuntimeError) -> NasbenchError:
    return NasbenchError(
        f"the recipe has compile: true, which needs a C++ compiler, and Triton on a GPU; torch cannot compile the network here: "
        f"{first_line(error)}; install what is missing, such as g++, or set compile: false"
    )

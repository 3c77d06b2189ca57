"""What a user may give where a network is expected: a genotype, a name, a file, or a torch network that was built from a genotype."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

from nasbench.errors import GenotypeError, short
from nasbench.genotype.genotype import Genotype
from nasbench.registry import FINDERS


class Built(Protocol):
    """A torch network with a graph, as `nasbench.build` makes it."""

    @property
    def graph(self) -> Any: ...


Network = Genotype | str | os.PathLike[str] | Built


def as_genotype(network: Network) -> Genotype:
    """The genotype of a network that is given as a genotype, as the name of a known network, as the path of a YAML file or its text,
    or as the module that `nasbench.build` made of it.

    Raises:
        GenotypeError: an unknown name, a file that cannot be read, or something else.

    >>> as_genotype("resnet18").name
    'resnet18'
    """
    if isinstance(network, Genotype):
        return network
    if isinstance(network, str | os.PathLike):
        text = os.fspath(network)
        if isinstance(network, os.PathLike) or text.endswith((".yaml", ".yml")) or "\n" in text or text.lstrip().startswith("{"):
            return Genotype.from_yaml(Path(text) if isinstance(network, os.PathLike) else text)
        try:
            known: Genotype = FINDERS["genotype"](text)
        except GenotypeError as error:
            raise GenotypeError(f"{error}, or give a .yaml file") from None
        return known
    nodes = getattr(getattr(network, "graph", None), "nodes", ())
    genotype = next((node.meta["genotype"] for node in nodes if "genotype" in getattr(node, "meta", ())), None)
    if isinstance(genotype, Genotype):
        return genotype
    rule = "a network is a genotype, the name of a known network, a .yaml file, or a module that nasbench.build made"
    if hasattr(network, "state_dict"):
        raise GenotypeError(
            f"{rule}; got a module {type(network).__name__} of another library; write it as a genotype, or count it with "
            "fvcore.nn.FlopCountAnalysis"
        )
    raise GenotypeError(f"{rule}; got {short(network)}")

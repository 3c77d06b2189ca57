"""Known networks by name, and what was published about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import overload

from nasbench.errors import GenotypeError, nearest
from nasbench.genotype import Genotype
from nasbench.zoo.densenets import DENSENETS
from nasbench.zoo.efficientnets import EFFICIENTNETS
from nasbench.zoo.inceptions import INCEPTIONS
from nasbench.zoo.lenet import LENETS
from nasbench.zoo.mobile import MOBILES
from nasbench.zoo.nasnets import NASNETS
from nasbench.zoo.plain import PLAINS
from nasbench.zoo.resnets import RESNETS

_MAKERS: dict[str, Callable[[], Genotype]] = {
    **LENETS, **PLAINS, **INCEPTIONS, **RESNETS, **DENSENETS, **MOBILES, **EFFICIENTNETS, **NASNETS,
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What is published about a network.

    Attributes:
        family: the paper's.
        variant: which of the forms in circulation this is.
        params, macs: exact, of the reference implementations; convs, linears: layers of these kinds.
        paper_params, paper_macs: as printed in the paper; None where it prints none.
        source: where the paper's figures stand.
        note: why they differ, and other traps.
        references: constructors of other libraries that build the same network.
    """

    family: str
    variant: str
    params: int
    macs: int
    convs: int
    linears: int
    paper_params: float | None
    paper_macs: float | None
    source: str
    note: str
    references: tuple[str, ...]


@overload
def known(name: str) -> Genotype: ...
@overload
def known(name: None = None) -> list[str]: ...
def known(name: str | None = None) -> Genotype | list[str]:
    """The known network called `name`; without a name, the list of names.

    Raises:
        GenotypeError: no network of that name; says the nearest.
    """
    if name is None:
        return list(_MAKERS)
    if name not in _MAKERS:
        raise GenotypeError(f"there is no known network {name!r}{nearest(name, _MAKERS)}; `nasbench known` lists the {len(_MAKERS)} names")
    return _MAKERS[name]()


@lru_cache(maxsize=1)
def facts() -> dict[str, Facts]:
    """Published facts by network name."""
    text = files("nasbench.zoo").joinpath("facts.json").read_text(encoding="utf-8")
    return {name: Facts(**{**row, "references": tuple(row["references"])}) for name, row in json.loads(text).items()}

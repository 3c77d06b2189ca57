"""Known networks by name, and what was published about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, overload

from nasbench.errors import GenotypeError, nearest
from nasbench.genotype import Genotype
from nasbench.genotype.units import COUNT
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
class Printed:
    """A count as a paper prints it: `Printed("5.3M")` stands for 5,250,000 to 5,350,000.

    Attributes:
        text: digits and K, M or G.
    """

    text: str

    @property
    def value(self) -> float:
        return COUNT.parse(self.text)

    @property
    def step(self) -> float:
        """One of its last digit."""
        digits = self.text.rstrip("KMG")
        return COUNT.parse("1" + self.text[len(digits) :]) / 10.0 ** len(digits.partition(".")[2])

    def holds(self, exact: int) -> bool:
        """Whether rounding alone makes the printed figure of the exact one."""
        return abs(exact - self.value) <= self.step / 2 * (1 + 1e-9)


@dataclass(frozen=True)
class Facts:
    """What is published about a network.

    Attributes:
        family: the paper's.
        variant: which of the forms in circulation this is.
        year: of the first public version of the paper that describes the design, or of the release where only that has it.
        params, macs: exact, of the reference implementations; convs, linears: layers of these kinds.
        printed_params, printed_macs: as in the paper; None where it prints none.
        source: where the paper's figures stand.
        why: what makes a printed figure differ from the exact one by more than its rounding; empty where none does.
        note: other traps.
        top1: ImageNet images (ILSVRC 2012, validation) whose class is the network's first answer, in %, of one network as its authors
            published it; None where they print none. Retrained weights of other libraries are left out, whatever they reach.
        top1_test: how an image was shown: `1 crop` from the centre, the mean of `10 crops`, or `dense` over the whole image.
        top1_side: side of the image that was shown, or of its shorter edge where dense, in pixels.
        cifar10_error: CIFAR-10 test images answered wrongly, in %, trained with shifts and mirrored images; None where not printed.
        accuracy_source: where `top1` or `cifar10_error` stands.
        references: constructors of other libraries that build the same network: with its weights ours gives the same logits.
        near: constructors of networks with the same weights and counts that compute with another number, and which.
    """

    family: str
    variant: str
    year: int
    params: int
    macs: int
    convs: int
    linears: int
    printed_params: Printed | None
    printed_macs: Printed | None
    source: str
    why: str
    note: str
    top1: float | None
    top1_test: str | None
    top1_side: int | None
    cifar10_error: float | None
    accuracy_source: str
    references: tuple[str, ...]
    near: Mapping[str, str]

    @property
    def paper_params(self) -> float | None:
        """The printed parameters as a number."""
        return self.printed_params.value if self.printed_params else None

    @property
    def paper_macs(self) -> float | None:
        """The printed MACs as a number."""
        return self.printed_macs.value if self.printed_macs else None

    @property
    def differs(self) -> tuple[str, ...]:
        """Which of `params` and `macs` the paper prints otherwise, beyond rounding."""
        pairs = (("params", self.printed_params, self.params), ("macs", self.printed_macs, self.macs))
        return tuple(name for name, printed, exact in pairs if printed and not printed.holds(exact))


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
    return {name: _facts(row) for name, row in json.loads(text).items()}


def _facts(row: dict[str, Any]) -> Facts:
    printed = {name: Printed(row[name]) if row[name] else None for name in ("printed_params", "printed_macs")}
    return Facts(**{**row, **printed, "references": tuple(row["references"])})


def members(family: str) -> list[str]:
    """The networks of a family; a beginning that is no family's name stands for all that begin so.

    `members("mobilenet")` are those of mobilenetv1, mobilenetv2 and mobilenetv3; `members("resnet")` leaves resnetv2 out.

    Raises:
        GenotypeError: no family begins so; says the nearest.
    """
    families = {name: facts()[name].family for name in known()}
    wanted = {f for f in families.values() if f == family} or {f for f in families.values() if family and f.startswith(family)}
    if not wanted:
        there = sorted(set(families.values()))
        raise GenotypeError(f"there is no family {family!r}{nearest(family, there)}; there are {', '.join(there)}")
    return [name for name, f in families.items() if f in wanted]

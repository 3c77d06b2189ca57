"""Known networks by name, and the facts that were published about them."""

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
from nasbench.zoo.googlenets import GOOGLENETS
from nasbench.zoo.inceptions import INCEPTIONS
from nasbench.zoo.lenet import LENETS
from nasbench.zoo.mobile import MOBILES
from nasbench.zoo.nasnets import NASNETS
from nasbench.zoo.plain import PLAINS
from nasbench.zoo.resnets import RESNETS

_MAKERS: dict[str, Callable[[], Genotype]] = {
    **LENETS, **PLAINS, **GOOGLENETS, **INCEPTIONS, **RESNETS, **DENSENETS, **MOBILES, **EFFICIENTNETS, **NASNETS,
}  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """A count as a paper prints it.

    >>> Printed("5.3M").value, Printed("5.3M").holds(5_288_548), Printed("5.3M").holds(5_400_000)
    (5300000.0, True, False)

    Attributes:
        text: digits with K, M or G.
    """

    text: str

    @property
    def value(self) -> float:
        """The count as a number."""
        return COUNT.parse(self.text)

    @property
    def step(self) -> float:
        """The value of one unit in the last digit."""
        digits = self.text.rstrip("KMG")
        return COUNT.parse("1" + self.text[len(digits) :]) / 10.0 ** len(digits.partition(".")[2])

    def holds(self, exact: int) -> bool:
        """Whether the exact count rounds to the printed one."""
        return abs(exact - self.value) <= self.step / 2 * (1 + 1e-9)


@dataclass(frozen=True)
class Facts:
    """The published facts about a network.

    Attributes:
        family: name of the family, as in the paper.
        variant: the form of the network, where several are in use.
        year: when the paper that describes the design, or else its code, was first public.
        params, macs: exact counts of the reference implementations.
        convs, linears: numbers of convolutions and linear layers.
        printed_params, printed_macs: the counts in the paper; None if it prints none.
        source: the place of these counts in the paper.
        why: the reason why a printed count differs from the exact one by more than its rounding; empty if none does.
        note: other differences to know about.
        top1: top-1 accuracy on ImageNet (ILSVRC 2012, validation) in %, of a single network as its authors published it; None if they
            print none. Weights that other libraries retrained do not count.
        top1_test: how the accuracy was measured: on `1 crop` from the centre, as the mean of `10 crops`, or `dense` over the whole image.
        top1_side: side of the crop in pixels, or the shorter edge of the image if dense.
        cifar10_error: error on the CIFAR-10 test images in %, trained with shifts and mirrored images; None if not printed.
        accuracy_source: the place of `top1` or `cifar10_error` in the paper or release.
        references: constructors of other libraries that build the same network. With their weights, ours gives the same logits.
        near: constructors of networks with the same weights and counts that differ in one number, and that number.
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
        """The printed parameters as a number; None if the paper prints none."""
        return self.printed_params.value if self.printed_params else None

    @property
    def paper_macs(self) -> float | None:
        """The printed MACs as a number; None if the paper prints none."""
        return self.printed_macs.value if self.printed_macs else None

    @property
    def differs(self) -> tuple[str, ...]:
        """Those of `params` and `macs` whose printed value differs by more than its rounding."""
        pairs = (("params", self.printed_params, self.params), ("macs", self.printed_macs, self.macs))
        return tuple(name for name, printed, exact in pairs if printed and not printed.holds(exact))


@overload
def known(name: str) -> Genotype: ...
@overload
def known(name: None = None) -> list[str]: ...
def known(name: str | None = None) -> Genotype | list[str]:
    """The genotype of a known network, or the list of all names.

    >>> import nasbench as nb
    >>> len(nb.known())
    142
    >>> g = nb.known("resnet50")
    >>> g.input  # channels, height and width in pixels
    (3, 224, 224)
    >>> nb.cost(g).params
    25557032

    Args:
        name: such as `efficientnet_b0`; by default all names are returned.

    Raises:
        GenotypeError: there is no network of that name; suggests the nearest names.
    """
    if name is None:
        return list(_MAKERS)
    if name not in _MAKERS:
        raise GenotypeError(f"there is no known network {name!r}{nearest(name, _MAKERS)}; `nasbench known` lists the {len(_MAKERS)} names")
    return _MAKERS[name]()


@lru_cache(maxsize=1)
def facts() -> dict[str, Facts]:
    """Published facts by the name of the network."""
    text = files("nasbench.zoo").joinpath("facts.json").read_text(encoding="utf-8")
    return {name: _facts(written) for name, written in json.loads(text).items()}


def _facts(written: dict[str, Any]) -> Facts:
    printed = {name: Printed(written[name]) if written[name] else None for name in ("printed_params", "printed_macs")}
    return Facts(**{**written, **printed, "references": tuple(written["references"])})


def members(family: str) -> list[str]:
    """The names of the networks of a family.

    If no family has the given name, it stands for all families whose names begin with it: `members("mobilenet")` lists those of
    mobilenetv1, mobilenetv2 and mobilenetv3, while `members("resnet")` does not list those of resnetv2.

    Raises:
        GenotypeError: no family has a name that begins so; suggests the nearest names.
    """
    families = {name: facts()[name].family for name in known()}
    wanted = {f for f in families.values() if f == family} or {f for f in families.values() if family and f.startswith(family)}
    if not wanted:
        names = sorted(set(families.values()))
        raise GenotypeError(f"there is no family {family!r}{nearest(family, names)}; there are {', '.join(names)}")
    return [name for name, f in families.items() if f in wanted]

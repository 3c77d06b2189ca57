"""Which tensor of one network is which of another that computes the same, whatever their names and the order of their definition.

The operators of both are coloured until equal colours mean equal surroundings: what an operator is, what leads to it and what follows
(the refinement of Weisfeiler and Leman 1968, in both directions of the run). Where every colour occurs once in each network, the pairs
are certain. Operators that still share a colour may be interchangeable, such as two equal paths that are added; then one choice is tried,
and the caller has to compare the outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from nasbench.errors import WeightsError
from nasbench.network.wiring import IMAGE, Segment, Use, Wiring

MAX_CHOICES = 200

# What is compared, from everything to the least: two libraries may pad or pool in other places, and are then compared by less.
_LEVELS = (("size", "passed", "start"), ("passed", "start"), ("start",), ())


class MismatchError(WeightsError):
    """Networks that are not wired alike; `mine` and `other` are the first tensors whose shapes differ, if that is the reason."""

    def __init__(self, message: str, mine: str | None = None, other: str | None = None) -> None:
        super().__init__(message)
        self.mine, self.other = mine, other


@dataclass(frozen=True)
class Match:
    """The uses of two networks in pairs.

    Attributes:
        uses: the pairs, in the order of the first network's run; the outputs are not among them.
        chosen: the first tensor of ours that could also be another of theirs, and two of theirs that it could be; None if all are certain.
    """

    uses: tuple[tuple[Use, Use], ...]
    chosen: tuple[str, str, str] | None

    @property
    def tensors(self) -> dict[str, str]:
        """The name of the counterpart of each of our tensors."""
        return {name: theirs.tensors[role] for ours, theirs in self.uses for role, name in ours.tensors.items()}


def match(ours: Wiring, theirs: Wiring) -> Match:
    """The pairs of the uses of two networks.

    Raises:
        MismatchError: the networks are not wired alike.
        WeightsError: the counterparts are not certain, or a tensor that is used twice would have two counterparts.
    """
    for level in _LEVELS:
        a, b = _Graph(ours, level), _Graph(theirs, level)
        if Counter(a.colours({})) == Counter(b.colours({})):
            return _paired(a, b)
    raise _difference(ours, theirs)


class _Graph:
    """A wiring with its operators as nodes, at one level of comparison."""

    def __init__(self, wiring: Wiring, level: tuple[str, ...]) -> None:
        self.uses = wiring.uses
        self._labels = [hash((use.kind, use.shapes, use.size if "size" in level else ())) for use in self.uses]
        self._before: list[list[tuple[int, int]]] = [
            list(dict.fromkeys((hash(_edge(segment, level)), segment.source) for segment in use.reads)) for use in self.uses
        ]
        self._after: list[list[tuple[int, int]]] = [[] for _ in self.uses]
        for i, edges in enumerate(self._before):
            for edge, source in edges:
                if source != IMAGE:
                    self._after[source].append((edge, i))

    def colours(self, fixed: Mapping[int, int]) -> list[int]:
        """A colour for each use; `fixed` gives some of them one of their own."""
        colours = [hash((label, fixed.get(i, -1))) for i, label in enumerate(self._labels)]
        count = 0
        while len(set(colours)) > count:
            count = len(set(colours))
            down = list(colours)
            for i, edges in enumerate(self._before):
                reads = sorted([hash((edge, IMAGE if source == IMAGE else down[source])) for edge, source in edges])
                down[i] = hash((colours[i], *reads))
            up = list(colours)
            for i in reversed(range(len(up))):
                up[i] = hash((colours[i], *sorted([hash((edge, up[reader])) for edge, reader in self._after[i]])))
            colours = [hash(pair) for pair in zip(down, up, strict=True)]
        return colours


def _edge(segment: Segment, level: tuple[str, ...]) -> tuple[object, ...]:
    # A network may change its image before the first layer, channel by channel, as torchvision's Inception does.
    start = (segment.start, segment.length, segment.offset) if "start" in level and segment.source != IMAGE else ()
    return (start, tuple(sorted(segment.passed)) if "passed" in level else ())


def _paired(a: _Graph, b: _Graph) -> Match:
    """The pairs of two graphs with equal colours. Uses that share a colour are given one of their own, one after the other."""
    fixed: tuple[dict[int, int], dict[int, int]] = {}, {}
    chosen = None
    for choice in range(MAX_CHOICES):
        ours, theirs = a.colours(fixed[0]), b.colours(fixed[1])
        places: dict[int, list[int]] = {}
        for i, colour in enumerate(theirs):
            places.setdefault(colour, []).append(i)
        first = next((i for i, colour in enumerate(ours) if len(places[colour]) > 1), None)
        if first is None:
            pairs = [(use, b.uses[places[colour][0]]) for use, colour in zip(a.uses, ours, strict=True)]
            return Match(_consistent([pair for pair in pairs if pair[0].tensors]), chosen)
        options = places[ours[first]]
        role, name = next(iter(a.uses[first].tensors.items()))
        chosen = chosen or (name, b.uses[options[0]].tensors[role], b.uses[options[1]].tensors[role])
        for option in options:
            fixed[0][first], fixed[1][option] = choice, choice
            if Counter(a.colours(fixed[0])) == Counter(b.colours(fixed[1])):
                break
            del fixed[1][option]
        else:
            raise _unclear(*chosen)
    raise _unclear(*(chosen or ("a tensor", "several", "others")))


def _unclear(name: str, one: str, other: str) -> WeightsError:
    return WeightsError(f"each tensor must have one counterpart; {name} may be {one} or {other}, which stand alike in the network")


def _consistent(pairs: list[tuple[Use, Use]]) -> tuple[tuple[Use, Use], ...]:
    there: dict[str, str] = {}
    back: dict[str, str] = {}
    for ours, theirs in pairs:
        for role, name in ours.tensors.items():
            other = theirs.tensors[role]
            if there.setdefault(name, other) != other or back.setdefault(other, name) != name:
                raise WeightsError(
                    f"each tensor must have one counterpart; {name} meets {there[name]} and {other}, one of which is used more than once; "
                    "load weights of the same network"
                )
    return tuple(pairs)


def _difference(ours: Wiring, theirs: Wiring) -> MismatchError:
    """The first use of ours that has no counterpart of its shapes; else the first that is wired in another way."""
    mine, others = _rest(ours, theirs), _rest(theirs, ours)
    if mine:
        name, shape = next(iter(mine[0].tensors.values())), list(mine[0].shapes[-1][1])
        other = next((use for use in others if use.kind == mine[0].kind), None)
        return MismatchError(
            f"each tensor must have a counterpart of its shape; {name} is {shape}, and no tensor that is left of the weights has it and "
            "the same part; load the weights of the same network",
            name,
            None if other is None else next(iter(other.tensors.values())),
        )
    if others:
        return MismatchError(
            f"the network has fewer tensors than the weights; the first without a counterpart is {next(iter(others[0].tensors.values()))}; "
            "load the weights of the same network"
        )
    a, b = _Graph(ours, ()), _Graph(theirs, ())
    there = Counter(b.colours({}))
    use = next(use for use, colour in zip(a.uses, a.colours({}), strict=True) if not there[colour])
    name = next(iter(use.tensors.values()), "the output")
    return MismatchError(
        f"each tensor must be what its counterpart is; the shapes of both networks agree, but no tensor of the weights is wired as {name} "
        "is; load the weights of the same network"
    )


def _rest(a: Wiring, b: Wiring) -> list[Use]:
    """The uses of a that are left when each use of b has taken one of its kind and shapes."""
    there = Counter((use.kind, use.shapes) for use in b.uses)
    rest = []
    for use in a.uses:
        there[use.kind, use.shapes] -= 1
        if there[use.kind, use.shapes] < 0:
            rest.append(use)
    return rest

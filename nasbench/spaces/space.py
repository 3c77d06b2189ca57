"""Space: a genotype with open fields."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from nasbench.errors import GenotypeError, NasbenchError, SpaceError
from nasbench.genotype import Block, Genotype, Style, digest
from nasbench.spaces.bounds import Bounds
from nasbench.spaces.fields import OpenField
from nasbench.spaces.options import Choose, Options, ParameterValues, ask, show
from nasbench.spaces.parts import AnyOf, Named, Part, Rows, Section, in_sequence
from nasbench.spaces.row import OpenRow, Trail

REDRAWS = 1000


@dataclass(frozen=True)
class Space:
    """Where to look.

    Attributes:
        name: of the space, and of the genotypes it decodes.
        channels, resolution: of the square input; either may be a choice.
        styles: named alternatives.
        stem, stages, head: open rows, or named alternatives of such.
        bounds: what a network of it may cost at most; what is above does not belong to the space.
        about: what the space is, for people.
    """

    name: str
    channels: Options
    resolution: Options
    styles: dict[str, Style]
    stem: Section
    stages: tuple[Section, ...]
    head: Section
    bounds: Bounds = field(default_factory=Bounds)
    about: str = ""

    def decode(self, choose: Choose) -> Genotype:
        """Ask `choose(label, options)` once for each open field that is reached; fields of absent layers are not asked.

        Raises:
            SpaceError: an answer that is no option, or a network above the space's bounds.
            GenotypeError: the space has bounds, and shapes that do not meet. (Without bounds nothing is traced here.)
        """
        if self._tied:
            choose = _once(choose)
        channels = ask(choose, "channels", self.channels)
        size = ask(choose, "resolution", self.resolution)
        style = self.styles[ask(choose, "style", list(self.styles))]
        stem, *stages, head = (section.decode(choose, label) for label, section in self._sections)
        g = Genotype(self.name, (channels, size, size), stem, tuple(s for s in stages if s), head, style)
        if self.bounds:
            self.bounds.check(g)
        return g

    @cached_property
    def _sections(self) -> list[tuple[str, Section]]:
        return [("stem", self.stem), *((f"stages.{i}", stage) for i, stage in enumerate(self.stages)), ("head", self.head)]

    @cached_property
    def _tied(self) -> dict[str, OpenField]:
        return {name: part for _, section in self._sections for name, part, _ in section.ties()}

    def encode(self, g: Genotype) -> ParameterValues:
        """The answers that lead to `g`, or to another spelling of the same network.

        Raises:
            SpaceError: there are none; names the first field that cannot.
        """
        outside = f"{g.name} is outside the space {self.name}"
        channels, height, width = g.input
        if channels not in self.channels or height != width or height not in self.resolution:
            several = len(self.channels) > 1
            first = f"c, n, n] with c one of {show(self.channels)} and" if several else f"{show(self.channels)}, n, n] with"
            raise SpaceError(f"{outside}: its input is {list(g.input)}; here it is [{first} n one of {show(self.resolution)}")
        style = next((name for name, style in self.styles.items() if style == g.style), None)
        if style is None:
            raise SpaceError(f"{outside}: its style is {g.style.written()}; here it is one of {', '.join(self.styles)}")
        decisions: ParameterValues = {"channels": channels} if len(self.channels) > 1 else {}
        decisions |= {"resolution": height} if len(self.resolution) > 1 else {}
        decisions |= {"style": style} if len(self.styles) > 1 else {}
        decisions |= self._match(g, outside)
        try:
            again = self.decode(lambda label, _: decisions[label])
        except (SpaceError, GenotypeError) as error:
            raise SpaceError(f"{outside}: {error}") from None
        if (again.blocks, again.style) != (g.blocks, g.style) and digest(again) != digest(g):
            raise SpaceError(f"{outside}: the rows agree, but the networks differ")
        return decisions

    def _match(self, g: Genotype, outside: str) -> ParameterValues:
        """Section by section, or, where that fails, all rows in one: where a stage begins is no property of a network.

        The error is that of the reading that came further.
        """
        stem, *stages, head = self._sections
        sections = (g.stem, *g.stages, g.head)
        try:
            return {
                **_match([stem], sections[:1], f"{outside}: stem"),
                **_match(stages, sections[1:-1], f"{outside}: stages", before=sections[:1]),
                **self._match_head(head, sections, outside),
            }
        except _MisfitError as error:
            try:
                return _match(self._sections, sections, f"{outside}: all rows in sequence")
            except _MisfitError as other:
                raise (other if other.position > error.position else error) from None

    @staticmethod
    def _match_head(head: tuple[str, Section], sections: Sequence[Sequence[Block]], outside: str) -> ParameterValues:
        label, section = head
        if isinstance(section, Rows):
            return _match([head], sections[-1:], f"{outside}: head", before=sections[:-1])
        misfits = []
        for name, rows in section.rows.items():
            try:
                return {label: name} | _match([(f"{label}.{name}", rows)], sections[-1:], f"head {name}", before=sections[:-1])
            except _MisfitError as error:
                misfits.append(error)
        raise _MisfitError(f"{outside}: {'; '.join(map(str, misfits))}", max(error.position for error in misfits))

    def __contains__(self, g: object) -> bool:
        if not isinstance(g, Genotype):
            return False
        try:
            self.encode(g)
        except (SpaceError, GenotypeError):
            return False
        return True

    def sample(self, seed: int | random.Random) -> Genotype:
        """A network with each field drawn uniformly from its options; drawn again where shapes do not meet or a bound is broken.

        Raises:
            SpaceError: a thousand draws gave no network.
        """
        from nasbench.spaces.choosers import random_chooser

        choose = random_chooser(seed if isinstance(seed, random.Random) else random.Random(seed))
        return redraw(self, lambda: self.decode(choose))

    def count(self) -> int:
        """How many ways there are to answer; exact, and with those that bounds or shapes exclude."""
        body = math.prod(section.count() for _, section in self._sections)
        return len(self.channels) * len(self.resolution) * len(self.styles) * body * math.prod(part.count() for part in self._tied.values())

    def __iter__(self) -> Iterator[Genotype]:
        """Every genotype, in the order of the options, without those above a bound; only sensible for a small space."""
        answers: list[tuple[str, Options, int]] = []
        while True:
            position = 0

            def choose(label: str, options: Options) -> Any:
                nonlocal position
                if position == len(answers):
                    answers.append((label, options, 0))
                position += 1
                return options[answers[position - 1][2]]

            try:
                found = self.decode(choose)
            except (SpaceError, GenotypeError):
                found = None
            if found is not None:
                yield found
            del answers[position:]
            while answers and answers[-1][2] == len(answers[-1][1]) - 1:
                answers.pop()
            if not answers:
                return
            label, options, taken = answers.pop()
            answers.append((label, options, taken + 1))

    def describe(self) -> list[tuple[str, str, int]]:
        """Rows of (place, what is open there, number of ways), for a table."""
        rows = [("channels", show(self.channels), len(self.channels))] if len(self.channels) > 1 else []
        rows += [("resolution", show(self.resolution), len(self.resolution)), ("style", ", ".join(self.styles), len(self.styles))]
        for label, section in self._sections:
            place = f"stage {int(label[7:]) + 1}" if label.startswith("stages") else label
            if isinstance(section, Named):
                rows += [(f"{place} {name}", inner.describe(), inner.count()) for name, inner in section.rows.items()]
            else:
                rows += [(place, part.describe(), part.count()) for part in section.parts]
        rows += [(name, part.describe(), part.count()) for name, part in self._tied.items()]
        return rows + ([("bounds", self.bounds.describe(), 1)] if self.bounds else [])


Made = TypeVar("Made", Genotype, tuple[Genotype, ParameterValues])


def redraw(space: Space, make: Callable[[], Made]) -> Made:
    """The first of a thousand tries whose network can be traced and is within the bounds.

    Raises:
        SpaceError: there was none.
    """
    for _ in range(REDRAWS):
        try:
            made = make()
            if not space.bounds:  # else it is traced already
                Bounds().check(made[0] if isinstance(made, tuple) else made)
        except NasbenchError as error:
            reason = error
            continue
        return made
    raise SpaceError(f"none of {REDRAWS} draws from {space.name} is a network; check strides, paddings and bounds; the last: {reason}")


def _once(choose: Choose) -> Choose:
    """Ask about each label once; where it stands again, the answer is the same."""
    answers: ParameterValues = {}

    def asked(label: str, options: Options) -> Any:
        if label not in answers:
            answers[label] = choose(label, options)
        return answers[label]

    return asked


class _MisfitError(SpaceError):
    """No reading of some rows; `position` is how many layers of the network the furthest one read."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def _match(
    parts: Sequence[tuple[str, Section]], sections: Sequence[Sequence[Block]], outside: str, before: Sequence[Sequence[Block]] = ()
) -> ParameterValues:
    """Read rows in sequence against parts in sequence; a part may read several layers, or none.

    Where several readings are possible, one that ends where the genotype's own stages end is preferred. `before` are the
    sections that were read already.
    """
    keep = any(map(_asks_identity, (part for _, part in parts)))
    blocks: list[Block] = []
    ends = {0}
    for section in sections:
        blocks += [one for row in section for one in row.unrolled if keep or one.op != "identity"]
        ends.add(len(blocks))
    trail = Trail()
    for end, decisions in in_sequence(parts, blocks, 0, trail, ends):
        if end == len(blocks):
            return decisions
        trail.fail(end, f"layer {end + 1} ({blocks[end].op}) is one too many")
    raise _MisfitError(f"{outside}: {trail.reason}", trail.position + sum(row.repeat for section in before for row in section))


def _asks_identity(part: Part) -> bool:
    if isinstance(part, OpenRow):
        return part.op == "identity"
    inner = part.rows.values() if isinstance(part, AnyOf | Named) else part.parts
    return any(map(_asks_identity, inner))


def check_ties(space: Space) -> Space:
    """A tied field is the same wherever its name stands, and is asked in every network: else `count` could not be exact.

    Raises:
        SpaceError: it is not.
    """
    found: dict[str, Any] = {}
    for _, section in space._sections:
        for name, part, absent in section.ties():
            if absent:
                raise SpaceError(f"tie {name}: its row may be absent (repeat 0 or an alternative); tie only rows that every network has")
            if found.setdefault(name, part) != part:
                raise SpaceError(f"tie {name}: one name stands for one choice; got {found[name].describe()} and {part.describe()}")
    return space

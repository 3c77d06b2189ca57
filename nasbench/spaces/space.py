"""Space: a genotype with choices at its fields."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nasbench.errors import GenotypeError, NasbenchError, SpaceError
from nasbench.genotype import Block, Genotype, Style, digest
from nasbench.spaces.block import SpaceBlock, Trail
from nasbench.spaces.bounds import Bounds
from nasbench.spaces.choosers import every, random_chooser
from nasbench.spaces.fields import SpaceField
from nasbench.spaces.options import Choose, Options, ParameterValues, show, suggest
from nasbench.spaces.parts import Alternatives, AnyOf, Blocks, Part, Section, in_sequence
from nasbench.spaces.text import as_html, as_text

REDRAWS = 1000


@dataclass(frozen=True, repr=False)
class Space:
    """A search space: a set of networks, given by parameters and the options of each.

    >>> from nasbench.spaces import load_space
    >>> space = load_space("tiny")
    >>> space.count()
    256
    >>> g = space.sample(seed=7)
    >>> g in space
    True
    >>> values = space.encode(g)
    >>> values["stem.0.width"]
    16
    >>> space.decode(lambda name, options: values[name]) == g
    True

    Attributes:
        name: the name of the space, and of the genotypes that it decodes.
        channels, resolution: options for the channels and the side of the square input, in pixels.
        styles: by name.
        stem, stages, head: blocks with choices, or named alternatives.
        bounds: the largest cost of a network; a network above it does not belong to the space.
        about: a description for users.
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
        """The network for the values that `choose(name, options)` returns.

        `choose` is called once for each parameter that the network has. The fields of absent layers have no parameters. With
        Optuna, `space.decode(trial.suggest_categorical)` does it.

        Raises:
            SpaceError: a value that is not an option, or a network above the bounds of the space.
            GenotypeError: the space has bounds and the shapes do not fit together. A space without bounds traces nothing here.
        """
        if self._tied:
            choose = _once(choose)
        channels = suggest(choose, "channels", self.channels)
        size = suggest(choose, "resolution", self.resolution)
        style = self.styles[suggest(choose, "style", list(self.styles))]
        stem, *stages, head = (section.decode(choose, name) for name, section in self._sections)
        g = Genotype(self.name, (channels, size, size), stem, tuple(s for s in stages if s), head, style)
        if self.bounds:
            self.bounds.check(g)
        return g

    @cached_property
    def _sections(self) -> list[tuple[str, Section]]:
        return [("stem", self.stem), *((f"stages.{i}", stage) for i, stage in enumerate(self.stages)), ("head", self.head)]

    @cached_property
    def _tied(self) -> dict[str, SpaceField]:
        return {name: tied for _, section in self._sections for name, tied, _ in section.ties()}

    def encode(self, g: Genotype) -> ParameterValues:
        """The parameter values that lead to `g`, or to the same network in another spelling.

        Raises:
            SpaceError: `g` is outside the space; names the first field that cannot be matched.
        """
        outside = f"{g.name} is outside the space {self.name}"
        channels, height, width = g.input
        if channels not in self.channels or height != width or height not in self.resolution:
            inputs = f"c, n, n] with c one of {show(self.channels)} and" if len(self.channels) > 1 else f"{show(self.channels)}, n, n] with"
            raise SpaceError(f"{outside}: its input is {list(g.input)}; here it is [{inputs} n one of {show(self.resolution)}")
        style = next((name for name, style in self.styles.items() if style == g.style), None)
        if style is None:
            raise SpaceError(f"{outside}: its style is {g.style.written()}; here it is one of {', '.join(self.styles)}")
        values: ParameterValues = {"channels": channels} if len(self.channels) > 1 else {}
        values |= {"resolution": height} if len(self.resolution) > 1 else {}
        values |= {"style": style} if len(self.styles) > 1 else {}
        values |= self._match(g, outside)
        try:
            again = self.decode(lambda name, _: values[name])
        except (SpaceError, GenotypeError) as error:
            raise SpaceError(f"{outside}: {error}") from None
        if (again.blocks, again.style) != (g.blocks, g.style) and digest(again) != digest(g):
            raise SpaceError(f"{outside}: the blocks agree, but the networks differ")
        return values

    def _match(self, g: Genotype, outside: str) -> ParameterValues:
        """Match section by section, or else all blocks in one sequence: where a stage begins does not change the network.

        The error is that of the attempt that read more layers.
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
                return _match(self._sections, sections, f"{outside}: all blocks in sequence")
            except _MisfitError as other:
                raise (other if other.position > error.position else error) from None

    @staticmethod
    def _match_head(head: tuple[str, Section], sections: Sequence[Sequence[Block]], outside: str) -> ParameterValues:
        name, section = head
        if isinstance(section, Blocks):
            return _match([head], sections[-1:], f"{outside}: head", before=sections[:-1])
        misfits = []
        for option, blocks in section.sequences.items():
            try:
                return {name: option} | _match([(f"{name}.{option}", blocks)], sections[-1:], f"head {option}", before=sections[:-1])
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
        """A random network: each parameter is drawn uniformly from its options.

        A draw whose shapes do not fit together, or which is above a bound, is repeated.

        Raises:
            SpaceError: a thousand draws gave no network.
        """
        choose = random_chooser(seed if isinstance(seed, random.Random) else random.Random(seed))
        return redraw(self, lambda: self.decode(choose))

    def count(self) -> int:
        """The exact number of combinations of values, including those that bounds or shapes exclude."""
        body = math.prod(section.count() for _, section in self._sections)
        tied = math.prod(part.count() for part in self._tied.values())
        return len(self.channels) * len(self.resolution) * len(self.styles) * body * tied

    def __iter__(self) -> Iterator[Genotype]:
        """All genotypes within the bounds, in the order of the options. This is sensible for a small space only."""
        return every(self.decode)

    def describe(self) -> list[tuple[str, str, int]]:
        """Each place of the network with its options and the number of combinations there, for a table."""
        lines = [("channels", show(self.channels), len(self.channels))] if len(self.channels) > 1 else []
        lines += [("resolution", show(self.resolution), len(self.resolution)), ("style", ", ".join(self.styles), len(self.styles))]
        for name, section in self._sections:
            place = f"stage {int(name[7:]) + 1}" if name.startswith("stages") else name
            if isinstance(section, Alternatives):
                lines += [(f"{place} {option}", blocks.describe(), blocks.count()) for option, blocks in section.sequences.items()]
            else:
                lines += [(place, part.describe(), part.count()) for part in section.parts]
        lines += [(name, tied.describe(), tied.count()) for name, tied in self._tied.items()]
        return lines + ([("bounds", self.bounds.describe(), 1)] if self.bounds else [])

    def __repr__(self) -> str:
        return as_text(self.name, self.count(), self.describe())

    def _repr_html_(self) -> str:
        return as_html(self.name, self.count(), self.describe())


def redraw(space: Space, make: Callable[[], Genotype]) -> Genotype:
    """The first network of a thousand draws that can be traced and is within the bounds.

    Raises:
        SpaceError: there was none.
    """
    for _ in range(REDRAWS):
        try:
            g = make()
            if not space.bounds:  # with bounds, `decode` has traced it
                Bounds().check(g)
        except NasbenchError as error:
            reason = error
            continue
        return g
    raise SpaceError(f"none of {REDRAWS} draws from {space.name} is a network; check strides, paddings and bounds; the last: {reason}")


def _once(choose: Choose) -> Choose:
    """Call `choose` once for each name; where the name stands again, the value is the same."""
    values: ParameterValues = {}

    def choose_once(name: str, options: Options) -> Any:
        if name not in values:
            values[name] = choose(name, options)
        return values[name]

    return choose_once


class _MisfitError(SpaceError):
    """Blocks that cannot be matched; `position` is how many layers of the network the longest attempt read."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def _match(
    parts: Sequence[tuple[str, Section]], sections: Sequence[Sequence[Block]], outside: str, before: Sequence[Sequence[Block]] = ()
) -> ParameterValues:
    """Match sections of a genotype with parts of the space, both in sequence; a part may read several layers, or none.

    Where there are several ways, one whose parts end where the genotype's stages end is preferred. `before` are the sections
    that were matched already.
    """
    keep = any(map(_reads_identity, (part for _, part in parts)))
    layers: list[Block] = []
    ends = {0}
    for section in sections:
        layers += [layer for block in section for layer in block.unrolled if keep or layer.op != "identity"]
        ends.add(len(layers))
    trail = Trail()
    for end, values in in_sequence(parts, layers, 0, trail, ends):
        if end == len(layers):
            return values
        trail.fail(end, f"layer {end + 1} ({layers[end].op}) is one too many")
    raise _MisfitError(f"{outside}: {trail.reason}", trail.position + sum(block.repeat for section in before for block in section))


def _reads_identity(part: Part) -> bool:
    if isinstance(part, SpaceBlock):
        return part.op == "identity"
    if isinstance(part, AnyOf):
        return any(map(_reads_identity, part.blocks.values()))
    return any(map(_reads_identity, part.sequences.values() if isinstance(part, Alternatives) else part.parts))


def check_ties(space: Space) -> Space:
    """Check that tied fields with one name are equal, and that every network has them, since `count` would be wrong otherwise.

    Raises:
        SpaceError: fields that differ, or a block that may be absent.
    """
    ties: dict[str, SpaceField] = {}
    for _, section in space._sections:
        for name, tied, absent in section.ties():
            if absent:
                raise SpaceError(
                    f"tie {name}: its block may be absent (repeat 0 or an alternative); tie only blocks that every network has"
                )
            if ties.setdefault(name, tied) != tied:
                raise SpaceError(f"tie {name}: one name stands for one choice; got {ties[name].describe()} and {tied.describe()}")
    return space

"""Space: a genotype with open fields."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.errors import GenotypeError, SpaceError
from nasbench.genotype import Block, Genotype, Style, digest
from nasbench.spaces.open_fields import AnyOf, Choose, Decisions, Options, Part, Trail, ask, show

Parts = tuple[Part, ...]


@dataclass(frozen=True)
class Space:
    """Where to look.

    Attributes:
        name: of the space, and of the genotypes it decodes.
        channels, resolution: of the square input; the resolution may be a choice.
        styles, heads: named alternatives.
        stem, stages: open rows.
        about: what the space is, for people.
    """

    name: str
    channels: int
    resolution: Options
    styles: dict[str, Style]
    stem: Parts
    stages: tuple[Parts, ...]
    heads: dict[str, Parts]
    about: str = ""

    def decode(self, choose: Choose) -> Genotype:
        """Ask `choose(label, options)` once for each open field that is reached; fields of absent layers are not asked.

        Raises:
            SpaceError: an answer that is no option.
        """
        size = ask(choose, "resolution", self.resolution)
        style = self.styles[ask(choose, "style", list(self.styles))]
        stem = _decode(self.stem, choose, "stem")
        stages = [_decode(stage, choose, f"stages.{i}") for i, stage in enumerate(self.stages)]
        name = ask(choose, "head", list(self.heads))
        head = _decode(self.heads[name], choose, f"head.{name}" if len(self.heads) > 1 else "head")
        return Genotype(self.name, (self.channels, size, size), stem, tuple(s for s in stages if s), head, style)

    def encode(self, g: Genotype) -> Decisions:
        """The answers that lead to `g`, or to another spelling of the same network.

        Raises:
            SpaceError: there are none; names the first field that cannot.
        """
        outside = f"{g.name} is outside the space {self.name}"
        channels, height, width = g.input
        if channels != self.channels or height != width or height not in self.resolution:
            raise SpaceError(
                f"{outside}: its input is {list(g.input)}; here it is [{self.channels}, n, n] with n one of {show(self.resolution)}"
            )
        style = next((name for name, style in self.styles.items() if style == g.style), None)
        if style is None:
            raise SpaceError(f"{outside}: its style is {g.style.written()}; here it is one of {', '.join(self.styles)}")
        decisions: Decisions = {"resolution": height} if len(self.resolution) > 1 else {}
        decisions |= {"style": style} if len(self.styles) > 1 else {}
        decisions |= _match(self._labelled((self.stem,), "stem"), (g.stem,), f"{outside}: stem")
        decisions |= _match(self._labelled(self.stages, "stages"), g.stages, f"{outside}: stages")
        decisions |= self._match_head(g, outside)
        again = self.decode(lambda label, _: decisions[label])
        if (again.rows, again.style) != (g.rows, g.style) and digest(again) != digest(g):
            raise SpaceError(f"{outside}: the rows agree, but the networks differ")
        return decisions

    def _match_head(self, g: Genotype, outside: str) -> Decisions:
        if len(self.heads) == 1:
            return _match(self._labelled((self.heads[next(iter(self.heads))],), "head"), (g.head,), f"{outside}: head")
        reasons = []
        for name, head in self.heads.items():
            try:
                return {"head": name} | _match(self._labelled((head,), f"head.{name}"), (g.head,), f"head {name}")
            except SpaceError as error:
                reasons.append(str(error))
        raise SpaceError(f"{outside}: {'; '.join(reasons)}")

    @staticmethod
    def _labelled(sections: Sequence[Parts], label: str) -> list[tuple[str, Part]]:
        many = label == "stages"
        return [(f"{label}.{i}.{j}" if many else f"{label}.{j}", part) for i, parts in enumerate(sections) for j, part in enumerate(parts)]

    def __contains__(self, g: object) -> bool:
        if not isinstance(g, Genotype):
            return False
        try:
            self.encode(g)
        except (SpaceError, GenotypeError):
            return False
        return True

    def sample(self, seed: int | random.Random) -> Genotype:
        """A genotype with each field drawn uniformly from its options."""
        from nasbench.spaces.choosers import random_chooser

        return self.decode(random_chooser(seed if isinstance(seed, random.Random) else random.Random(seed)))

    def count(self) -> int:
        """How many ways there are to answer; exact."""
        body = math.prod(part.count() for parts in (self.stem, *self.stages) for part in parts)
        heads = sum(math.prod(part.count() for part in head) for head in self.heads.values())
        return len(self.resolution) * len(self.styles) * body * heads

    def __iter__(self) -> Iterator[Genotype]:
        """Every genotype, in the order of the options; only sensible for a small space."""
        answers: list[tuple[str, Options, int]] = []
        while True:
            position = 0

            def choose(label: str, options: Options) -> Any:
                nonlocal position
                if position == len(answers):
                    answers.append((label, options, 0))
                position += 1
                return options[answers[position - 1][2]]

            yield self.decode(choose)
            del answers[position:]
            while answers and answers[-1][2] == len(answers[-1][1]) - 1:
                answers.pop()
            if not answers:
                return
            label, options, taken = answers.pop()
            answers.append((label, options, taken + 1))

    def describe(self) -> list[tuple[str, str, int]]:
        """Rows of (place, what is open there, number of ways), for a table."""
        rows = [("resolution", show(self.resolution), len(self.resolution)), ("style", ", ".join(self.styles), len(self.styles))]
        rows += [("stem", part.describe(), part.count()) for part in self.stem]
        rows += [(f"stage {i + 1}", part.describe(), part.count()) for i, stage in enumerate(self.stages) for part in stage]
        rows += [(f"head {name}", part.describe(), part.count()) for name, head in self.heads.items() for part in head]
        return rows


def _decode(parts: Parts, choose: Choose, label: str) -> tuple[Block, ...]:
    return tuple(block for j, part in enumerate(parts) for block in part.decode(choose, f"{label}.{j}"))


def _match(parts: list[tuple[str, Part]], sections: Sequence[Sequence[Block]], outside: str) -> Decisions:
    """Read rows in sequence against parts in sequence; a part may read several layers, or none.

    Where several readings are possible, one that ends where the genotype's own stages end is preferred.
    """
    keep = _asks_identity(parts)
    blocks: list[Block] = []
    ends = {0}
    for section in sections:
        blocks += [one for row in section for one in row.unrolled if keep or one.op != "identity"]
        ends.add(len(blocks))
    trail = Trail()
    dead: set[tuple[int, int]] = set()

    def read(k: int, start: int) -> list[Decisions] | None:
        if k == len(parts):
            if start == len(blocks):
                return []
            trail.fail(start, f"layer {start + 1} ({blocks[start].op}) is one too many")
            return None
        if (k, start) in dead:
            return None
        label, part = parts[k]
        for end, decisions in sorted(part.match(blocks, start, label, trail), key=lambda found: found[0] not in ends):
            rest = read(k + 1, end)
            if rest is not None:
                return [decisions, *rest]
        dead.add((k, start))
        return None

    found = read(0, 0)
    if found is None:
        raise SpaceError(f"{outside}: {trail.reason}")
    return {label: answer for decisions in found for label, answer in decisions.items()}


def _asks_identity(parts: list[tuple[str, Part]]) -> bool:
    rows = [row for _, part in parts for row in (part.rows.values() if isinstance(part, AnyOf) else [part])]
    return any(row.op == "identity" for row in rows)

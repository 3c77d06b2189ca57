"""Genotype: a network as blocks. Frozen data, validated when made, read from YAML and written to it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.block import Block, read_block
from nasbench.genotype.style import Style
from nasbench.genotype.text import show_block, show_shape
from nasbench.genotype.yaml import OneLine, OneLineList, dump_yaml, load_yaml
from nasbench.notebook import picture, table

MAX_INPUT = 16_384
MAX_BLOCKS = 20_000
KEYS = ("name", "input", "style", "stem", "stages", "head")
WIDEST = 120  # characters of a line of `repr`


@dataclass(frozen=True, repr=False)
class Genotype:
    """A network: its input shape, the blocks of a stem, of stages and of a head, and a style.

    Attributes:
        name: text of 1 to 100 printable characters; it is not part of the network's identity.
        input: channels, height and width of an image.
        stem, stages, head: blocks in the order they run.
        style: numeric conventions.

    Raises:
        GenotypeError: an input that is not (channels, height, width), or something other than blocks in the stem, a stage or the head.

    >>> from nasbench.genotype.blocks import conv, gap, linear
    >>> Genotype("small", (3, 32, 32), stem=(conv(16, 3, 2),), stages=((conv(32, 3, repeat=2),),), head=(gap(), linear(10)))
    Genotype 'small', input 3x32x32, 5 blocks
      stem     conv width 16, kernel 3, stride 2
      stage 1  2 x conv width 32, kernel 3
      head     gap
               linear width 10
    """

    name: str
    input: tuple[int, int, int] = (3, 224, 224)
    stem: tuple[Block, ...] = ()
    stages: tuple[tuple[Block, ...], ...] = ()
    head: tuple[Block, ...] = ()
    style: Style = Style()  # noqa: RUF009 - a Style is frozen

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= 100 or not self.name.isprintable():
            raise GenotypeError(f"a network's name is a text of 1 to 100 printable characters; got {short(self.name)}")
        shape = tuple(self.input) if isinstance(self.input, tuple | list) else self.input
        if not isinstance(shape, tuple) or len(shape) != 3 or not all(type(n) is int and 1 <= n <= MAX_INPUT for n in shape):
            raise GenotypeError(f"input is [channels, height, width], whole numbers from 1 to {MAX_INPUT}; got {short(self.input)}")
        object.__setattr__(self, "input", shape)
        object.__setattr__(self, "stem", _blocks(self.stem, "stem"))
        object.__setattr__(self, "stages", tuple(_blocks(s, f"stage {i + 1}") for i, s in enumerate(self.stages)))
        object.__setattr__(self, "head", _blocks(self.head, "head"))
        count = sum([block.size for block in self.blocks])
        if count > MAX_BLOCKS:
            raise GenotypeError(f"{self.name}: a network has at most {MAX_BLOCKS:,} blocks; with repeats it has {count:,}; write fewer")

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the stem, the stages and the head in sequence, as written: a repeated one once."""
        return self.stem + tuple(block for stage in self.stages for block in stage) + self.head

    @property
    def rows(self) -> tuple[Block, ...]:
        """The old name of `blocks`."""
        warnings.warn("Genotype.rows is called blocks now; write g.blocks", DeprecationWarning, stacklevel=2)
        return self.blocks

    @classmethod
    def from_yaml(cls, text_or_path: str | Path) -> Genotype:
        """Read a genotype from YAML text, or from a file whose name ends in .yaml or .yml.

        Raises:
            GenotypeError: with the stage and the block, the rule and the value.

        >>> Genotype.from_yaml("{name: tiny, input: [1, 8, 8], head: [{op: linear, width: 10}]}").head
        (Block('linear', {'width': 10}),)
        """
        document, where = load_yaml(text_or_path, GenotypeError)
        if not isinstance(document, Mapping):
            raise GenotypeError(f"a genotype is a mapping of {', '.join(KEYS)}; {where} holds {type(document).__name__}")
        for key in document:
            if key not in KEYS:
                raise GenotypeError(f"a genotype has no {short(key)}; it reads {', '.join(KEYS)}{nearest(key, KEYS)}")
        stages = document.get("stages") or []
        style = document.get("style") or {}
        if not isinstance(stages, list) or not isinstance(style, Mapping):
            raise GenotypeError(
                f"stages is a list of lists of blocks and style a mapping; got {type(stages).__name__} and {type(style).__name__}"
            )
        return cls(
            name=document.get("name", "unnamed"),
            input=document.get("input", (3, 224, 224)),
            stem=_read_blocks(document.get("stem"), "stem"),
            stages=tuple(_read_blocks(stage, f"stage {i + 1}") for i, stage in enumerate(stages)),
            head=_read_blocks(document.get("head"), "head"),
            style=Style.of(style),
        )

    def to_yaml(self) -> str:
        """Text that `from_yaml` reads back to an equal genotype: one line per block."""

        def lines(blocks: tuple[Block, ...]) -> list[OneLine]:
            return [OneLine(block.written()) for block in blocks]

        document: dict[str, Any] = {"name": self.name, "input": OneLineList(self.input)}
        document |= {"style": self.style.written()} if self.style != Style() else {}
        document |= {"stem": lines(self.stem), "stages": [lines(s) for s in self.stages], "head": lines(self.head)}
        return dump_yaml(document)

    def __repr__(self) -> str:
        lines = [f"{part:<8} {text}" for part, text in self._lines()]
        return "\n".join([self._title(), *(f"  {line if len(line) <= WIDEST else line[: WIDEST - 3] + '...'}" for line in lines)])

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{picture(self)}</div>{table(self._title(), ("", "blocks"), self._lines())}'

    def _title(self) -> str:
        return f"Genotype {self.name!r}, input {show_shape(self.input)}, {sum([block.repeat for block in self.blocks])} blocks"

    def _lines(self) -> list[tuple[str, str]]:
        """The blocks in words, each with its part of the network where a part begins; last what differs in the style."""
        lines = []
        for part, blocks in [("stem", self.stem), *((f"stage {i + 1}", s) for i, s in enumerate(self.stages)), ("head", self.head)]:
            for i, block in enumerate(blocks):
                lines.append((part if i == 0 else "", f"{f'{block.repeat} x ' if block.repeat > 1 else ''}{_in_words(block)}"))
        style = ", ".join(f"{name} {value}" for name, value in self.style.written().items())
        return [*lines, ("style", style)] if style else lines


def _in_words(block: Block) -> str:
    return f"{block.op} {show_block(block.written())}".rstrip()


def _blocks(blocks: Iterable[Block], where: str) -> tuple[Block, ...]:
    listed = tuple(blocks)
    for i, block in enumerate(listed):
        if not isinstance(block, Block):
            raise GenotypeError(f"{where}, block {i + 1}: a block is made by its block type, as in conv(64); got {short(block)}")
    return listed


def _read_blocks(written: Any, where: str) -> tuple[Block, ...]:
    if written is None:
        return ()
    if not isinstance(written, list):
        raise GenotypeError(f"{where}: blocks are a list; got {type(written).__name__}")
    blocks = []
    for i, item in enumerate(written):
        try:
            blocks.append(read_block(item))
        except GenotypeError as error:
            raise GenotypeError(f"{where}, block {i + 1}: {error}") from None
    return tuple(blocks)

"""What a classifier is, decided on the trace; and the same network for another number of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from nasbench.errors import GenotypeError
from nasbench.genotype.block import Block, find_block_type
from nasbench.genotype.genotype import Genotype
from nasbench.genotype.layer import Layer, show_shape
from nasbench.genotype.resolve import Network, as_genotype
from nasbench.genotype.trace import trace

# Blocks that leave the number of channels as it is: behind the block that makes the classes they change nothing.
_KEEP = frozenset({"gap", "pool", "dropout", "flatten", "activation", "identity", "norm", "multiply", "lrn", "auxiliary"})


def class_count(layers: Sequence[Layer], name: str = "the network") -> int:
    """The number of classes of a traced network.

    Raises:
        GenotypeError: it is not a classifier, since it does not end in one number for each class.

    >>> import nasbench as nb
    >>> class_count(nb.trace("resnet18"))
    1000
    """
    end = layers[-1]
    if not end.flat:
        raise GenotypeError(
            f"{name}: a classifier ends in one number for each class; this network ends in a map of {show_shape(end.shape)} "
            f"({end.where or 'its input'}); end its head in {{op: gap}} and {{op: linear, width: CLASSES}}"
        )
    return end.shape[0]


def adapt(g: Network, input: tuple[int, int, int] | None = None, classes: int | None = None) -> Genotype:
    """The same network for another input shape or another number of classes.

    The classes are the width of the last block that sets channels: a `linear` or, in fully convolutional networks, a `conv`. In a head of
    your own blocks, or of `branches` whose paths are added, it is the width whose change gives the trace another number of
    classes. Auxiliary heads get the same number of classes.

    Args:
        input: channels, height and width of an image; the default leaves them.
        classes: number of classes; the default leaves it.

    Raises:
        GenotypeError: `classes` is given and no width of the head sets it, or the network is not a classifier.

    >>> import nasbench as nb
    >>> g = adapt(nb.known("resnet18"), (3, 32, 32), classes=10)
    >>> g.input, nb.trace(g)[-1].shape
    ((3, 32, 32), (10, 1, 1))
    """
    g = as_genotype(g)
    g = g if input is None else replace(g, input=input)
    if classes is None:
        return g
    count = classes

    def traced() -> int:
        return class_count(trace(g), g.name)

    def changed(block: Block) -> Block:
        """The block with the number of classes of each auxiliary head in it."""
        if block.op != "auxiliary":
            return block.change_inside(changed)
        rows = next(_with_width(block.fields["rows"], count, traced), None)
        if rows is None:
            raise GenotypeError(
                f"{g.name}: the number of classes is the width of a block in each head; an auxiliary head has none: "
                f"{[b.op for b in block.fields['rows']]}; end it in {{op: linear, width: {count}}}"
            )
        return block.but(rows=rows)

    sides = replace(
        g,
        stem=tuple(map(changed, g.stem)),
        stages=tuple(tuple(map(changed, stage)) for stage in g.stages),
        head=tuple(map(changed, g.head)),
    )
    plain = classifier(g.head)
    if plain >= 0 and all(block.op in _KEEP for block in g.head[plain + 1 :]):
        return replace(sides, head=(*sides.head[:plain], sides.head[plain].but(width=count), *sides.head[plain + 1 :]))
    return g if traced() == count else _tried(g, sides, count, traced)


def _tried(g: Genotype, sides: Genotype, classes: int, old: Callable[[], int]) -> Genotype:
    """The network with the first change of a width in its head that gives the trace so many classes."""
    for head in _with_width(sides.head, classes, old):
        candidate = replace(sides, head=head)
        try:
            if class_count(trace(candidate), g.name) == classes:
                return candidate
        except GenotypeError:
            continue
    raise GenotypeError(
        f"{g.name}: the number of classes is the width of a block in the head; no width of {[b.op for b in g.head]} can be changed from "
        f"{old()} to {classes} classes alone; give your head block a field for it, or end the head in {{op: linear, width: {classes}}}"
    )


def _with_width(blocks: tuple[Block, ...], classes: int, old: Callable[[], int]) -> Iterator[tuple[Block, ...]]:
    """The blocks with one of their widths changed to the number of classes, the last first."""
    for i in reversed(range(len(blocks))):
        if blocks[i].op not in _KEEP:
            for block in _variants(blocks[i], classes, old):
                yield (*blocks[:i], block, *blocks[i + 1 :])


def _variants(block: Block, classes: int, old: Callable[[], int]) -> Iterator[Block]:
    """The block with the width of its output changed, where it may be that: in each of its paths, or in a field of its own."""
    if block.op in ("linear", "conv"):
        yield block.but(width=classes)
        return
    for name in find_block_type(block.op).block_fields:
        paths = block.fields[name]
        if paths and all(isinstance(path, tuple) for path in paths):
            ends = [next(_with_width(path, classes, old), None) for path in paths]
            if all(end is not None for end in ends):
                changes: dict[str, Any] = {name: tuple(end for end in ends if end is not None)}
                yield block.but(**changes)
        elif paths and (end := next(_with_width(paths, classes, old), None)) is not None:
            changes = {name: end}
            yield block.but(**changes)
    for name, value in block.fields.items():
        if type(value) is int and value == old():
            try:
                yield block.but(**{name: classes})
            except GenotypeError:  # not every number may be so large
                continue


def classifier(blocks: Sequence[Block]) -> int:
    """Position of the block that makes the classes: the last `linear` or, in fully convolutional networks, `conv`; -1 without one."""
    return max((i for i, block in enumerate(blocks) if block.op in ("linear", "conv")), default=-1)

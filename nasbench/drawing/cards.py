"""The card of a block: its type, its fields, its output shape and its cost; below them its layers, where they are wanted."""

from __future__ import annotations

from nasbench.drawing.graph import BlockGraph, Box
from nasbench.drawing.layers import PAD, SIZE, SMALL, place_layers
from nasbench.drawing.picture import Card, Rect, Text
from nasbench.drawing.text import cut, width_of, wrap
from nasbench.genotype.text import show_block, show_layer, show_shape
from nasbench.genotype.units import show_count

CARD = 400.0  # width, where no layers need more
LINE = 16.0
RIM = 12.0  # around the layers
TIP = 40  # lines in a tip


def block_card(box: Box, graph: BlockGraph, macs: int) -> Card:
    """A block's card at (0, 0): its block type and place, its fields, its output shape and its cost; below them its layers."""
    room = CARD - 2 * PAD
    n = len(box.places)
    where = box.place if n == 1 else f"{box.place} to {box.places[-1].rpartition('.')[2]}"
    title = cut((box.block.op if box.block else "input") + (f" × {n}" if n > 1 else ""), room - width_of(where, SMALL) - PAD, 13, bold=True)
    texts = [Text(PAD, 18, title, 13, bold=True)]
    if box.block:
        texts.append(Text(CARD - PAD, 18, where, SMALL, faint=True, right=True))
    y = 18.0
    written = show_block(box.block.written()) if box.block else ""
    for line in wrap(written, room, SIZE, 3):
        y += LINE
        texts.append(Text(PAD, y, line, SIZE))
    y += LINE
    shape = show_shape(box.shape, "×")
    share = n * box.macs / macs if macs and box.macs else None
    texts.append(Text(PAD, y, shape, SIZE))
    aside = [x for head in box.layers if head.kind == "auxiliary" for x in head.attrs["rows"][1:]]
    if box.block:
        each = f"{n} × " if n > 1 else ""
        spent = f"{each}{show_count(box.params)} params, {each}{show_count(box.macs)} MACs" + ("" if share is None else f", {share:.1%}")
        if aside and not box.params:
            spent = f"{show_count(sum(x.params for x in aside))} params, in training only"
        texts.append(Text(CARD - PAD, y, cut(spent, room - width_of(shape, SIZE) - PAD, SMALL), SMALL, faint=True, right=True))
    y += 14 if share is not None else 8
    steps = [f"{x.where.removeprefix(box.place + '.')}: {show_layer(x)}, {show_shape(x.shape, '×')}" for x in (*box.layers, *aside)]
    more = [f"... and {len(steps) - TIP} layers more"] if len(steps) > TIP else []
    tip = "\n".join([f"{where}: {box.block.op if box.block else 'input'} {written}".rstrip(), *steps[:TIP], *more])
    paint = box.block.op if box.block else "input"
    if not (box.expanded and box.layers):
        return Card(box.place, Rect(0, 0, CARD, y), paint, tuple(texts), tip, share)
    inside = place_layers(box.place, box.layers, graph.owner)
    width = max(CARD, inside.width + 2 * RIM)
    dx, dy = (width - inside.width) / 2, y + 10
    texts = [t.moved(width - CARD, 0) if t.right else t for t in texts]
    return Card(
        box.place, Rect(0, 0, width, dy + inside.height + RIM), paint, tuple(texts), tip, share,
        tuple(c.moved(dx, dy) for c in inside.cards), tuple(w.moved(dx, dy) for w in inside.wires),
    )  # fmt: skip

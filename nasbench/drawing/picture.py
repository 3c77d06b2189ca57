"""A drawing as data: rectangles, texts and lines with their positions in pixels, y downwards. Nothing here knows SVG."""

from __future__ import annotations

from typing import NamedTuple


class Rect(NamedTuple):
    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    @property
    def middle(self) -> float:
        return self.x + self.w / 2

    def moved(self, dx: float, dy: float) -> Rect:
        return Rect(self.x + dx, self.y + dy, self.w, self.h)


class Text(NamedTuple):
    """A line of text; (x, y) is the left end of its baseline, or the right end for `right`."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    faint: bool = False
    right: bool = False

    def moved(self, dx: float, dy: float) -> Text:
        return self._replace(x=self.x + dx, y=self.y + dy)


class Wire(NamedTuple):
    """A line from one card to another, by their names, through points."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]

    def moved(self, dx: float, dy: float) -> Wire:
        return self._replace(points=tuple((x + dx, y + dy) for x, y in self.points))


class Card(NamedTuple):
    """A box: a block, or a layer inside one.

    Attributes:
        name: the place of the block or layer, unique in a picture; `PLACE < OTHER` is where a block reads another.
        paint: key of its colour.
        tip: shown when a pointer rests on it.
        share: of the network's MACs, from 0 to 1; None draws no bar.
        cards, wires: the layers inside, where it is expanded.
    """

    name: str
    rect: Rect
    paint: str
    texts: tuple[Text, ...] = ()
    tip: str = ""
    share: float | None = None
    cards: tuple[Card, ...] = ()
    wires: tuple[Wire, ...] = ()

    def moved(self, dx: float, dy: float) -> Card:
        return self._replace(
            rect=self.rect.moved(dx, dy),
            texts=tuple(t.moved(dx, dy) for t in self.texts),
            cards=tuple(c.moved(dx, dy) for c in self.cards),
            wires=tuple(w.moved(dx, dy) for w in self.wires),
        )


class Band(NamedTuple):
    """The ground on which the blocks of a stage stand."""

    group: str
    rect: Rect
    texts: tuple[Text, ...]


class Picture(NamedTuple):
    """Everything that is drawn; blocks are `cards`, layers the cards inside them."""

    name: str
    width: float
    height: float
    texts: tuple[Text, ...]
    bands: tuple[Band, ...]
    cards: tuple[Card, ...]
    wires: tuple[Wire, ...]

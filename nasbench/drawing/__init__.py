"""The drawing of a network, by blocks and down to layers, as SVG.

graph says what is drawn, layout and layers say where, svg writes it; each reads only what the one before left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nasbench.drawing.graph import block_graph
from nasbench.drawing.layout import place
from nasbench.drawing.picture import Picture
from nasbench.drawing.svg import write_svg
from nasbench.errors import NasbenchError, short
from nasbench.files import write_atomic
from nasbench.genotype.resolve import Network, as_genotype
from nasbench.genotype.trace import trace


@dataclass(frozen=True)
class Drawing:
    """A drawn network; a notebook shows it.

    Attributes:
        picture: rectangles, texts and lines with their positions in pixels.
        svg: the document.
    """

    picture: Picture = field(repr=False)
    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg


def draw(g: Network, path: str | Path | None = None, expand: Iterable[str] = (), layers: bool = False) -> Drawing:
    """Draw `g` by blocks, and write it to `path` if one is given.

    Args:
        path: a file that ends in .svg; the default writes nothing.
        expand: places of blocks to draw with their layers, such as `stages.2.1`; `stages.2`, `stem` or `head` for all blocks there.
        layers: draw all blocks with their layers; the first of equal blocks in sequence stands for the others.

    Raises:
        NasbenchError: another ending, a file that cannot be written, or layers are wanted and igraph is not installed.
        GenotypeError: a place without a block, or a network that cannot be traced.

    >>> import nasbench as nb
    >>> drawing = draw(nb.known("resnet18"))
    >>> drawing.picture.name, drawing.svg[:4]
    ('resnet18', '<svg')
    """
    if path is not None and Path(path).suffix.lower() != ".svg":
        raise NasbenchError(f"a drawing is a file that ends in .svg; got {short(str(path))}; name it {Path(path).stem or 'network'}.svg")
    g = as_genotype(g)
    traced = trace(g)
    picture = place(g, traced, block_graph(g, traced, [expand] if isinstance(expand, str) else expand, layers))
    drawing = Drawing(picture, write_svg(picture))
    if path is not None:
        write_atomic(Path(path), drawing.svg)
    return drawing


__all__ = ["Drawing", "draw"]

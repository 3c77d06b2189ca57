"""The genotypes of a front side by side, stage by stage: what its networks have in common, and what changes along the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pandas as pd

from nasbench.analysis.networks import part_names, stage_frame
from nasbench.analysis.plots.figure import axes
from nasbench.genotype import Block, Genotype
from nasbench.genotype.block import plain
from nasbench.genotype.units import show_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 8  # networks side by side that stay readable
LONGEST = 26  # letters in a line of a cell
MOST_VALUES = 6  # of a field that are written one by one


def chosen(front: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """At most `most` rows of a front, evenly spaced along it, with both ends."""
    if len(front) <= most:
        return front
    places = sorted({round(i * (len(front) - 1) / (most - 1)) for i in range(most)})
    return front.iloc[places]


def front_genotypes(front: pd.DataFrame, most: int = MOST) -> dict[str, Genotype]:
    """The networks of a front by a name with their latency and accuracy, such as `search 12: 14.2 ms, 80.1 %`.

    The names from a `Comparison.front` begin with the study.
    """
    networks = {}
    for row in chosen(front, most).to_dict("records"):
        place = " ".join(str(row[name]) for name in ("study", "phase", "number") if name in row)
        cost = f"{show_count(row['macs'])} MACs" if pd.isna(row["latency_ms"]) else f"{row['latency_ms']:.1f} ms"
        networks[f"{place}: {cost}, {100 * row['accuracy']:.1f} %"] = Genotype.from_yaml(row["genotype"])
    return networks


def rows_frame(networks: Mapping[str, Genotype]) -> pd.DataFrame:
    """One column per network, and one row each for the input, the style, the stem, every stage and the head, with its blocks in words.

    A stage that a network does not have is empty. `df.nunique(axis=1) == 1` says which rows are equal in all networks.
    """
    columns = {}
    for name, g in networks.items():
        style = _lines([f"{k} {v}" for k, v in g.style.written().items()]) or ["default"]
        cells = {"input": "x".join(map(str, g.input)), "style": "\n".join(style)}
        parts = zip(part_names([g]), (g.stem, *g.stages, g.head), strict=True)
        columns[name] = cells | {part: "\n".join(_words(blocks)) for part, blocks in parts if blocks}
    df = pd.DataFrame(columns)
    order = ["input", "style", *part_names(networks.values())]
    return df.loc[[part for part in order if part in df.index]].fillna("")


def shares_frame(networks: Mapping[str, Genotype]) -> pd.DataFrame:
    """The share of the multiply-adds in %, with the rows and columns of `rows_frame`; 0 for rows without multiply-adds."""
    columns = {}
    for name, g in networks.items():
        macs = stage_frame(g)["macs"]
        columns[name] = 100 * macs / macs.sum()
    return pd.DataFrame(columns).reindex(rows_frame(networks).index).fillna(0.0)


def plot_rows(networks: Mapping[str, Genotype], ax: Axes | None = None) -> Axes:
    """`rows_frame` drawn as a table. A cell is darker, the larger its share of the network's multiply-adds is (`shares_frame`).

    The names of rows that are equal in all networks are grey.
    """
    import seaborn as sns
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    words, shares = rows_frame(networks), shares_frame(networks)
    heights = [max(text.count("\n") + 1 for text in words.loc[row]) + 0.7 for row in words.index]
    ax = axes(ax, table_size(words))
    shades, norm = sns.light_palette(sns.color_palette("colorblind")[0], as_cmap=True), Normalize(0, max(40.0, float(shares.max().max())))
    bottom = 0.0
    ticks = []
    for row, height in zip(words.index, heights, strict=True):
        for i, name in enumerate(words.columns):
            share = float(shares.loc[row, name])
            ax.bar(i, height, width=1, bottom=bottom, color=shades(norm(share)), edgecolor="white", linewidth=1.5)
            ax.text(
                i, bottom + height / 2, words.loc[row, name], ha="center", va="center", fontsize=7.5, linespacing=1.25,
                color="white" if norm(share) > 0.72 else "black",
            )  # fmt: skip
        ticks.append(bottom + height / 2)
        bottom += height
    ax.set(xlim=(-0.5, len(words.columns) - 0.5), ylim=(bottom, 0))
    ax.set_yticks(ticks, list(words.index))
    for label, alike in zip(ax.get_yticklabels(), words.nunique(axis=1) == 1, strict=True):
        label.set_color("0.6" if alike and len(words.columns) > 1 else "black")
    ax.set_xticks(range(len(words.columns)), [name.replace(": ", "\n", 1).replace(", ", "\n", 1) for name in words.columns])
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelsize=8.5)
    for spine in ax.spines.values():
        spine.set_visible(False)
    figure = ax.get_figure(root=True)
    if figure is not None:
        bar = figure.colorbar(ScalarMappable(norm, shades), ax=ax, shrink=0.5, pad=0.01)
        bar.set_label("share of the network's multiply-adds (%)", fontsize=8)
        bar.ax.tick_params(labelsize=8)
    return ax


def table_size(words: pd.DataFrame) -> tuple[float, float]:
    """The size in inches at which a `rows_frame` is readable."""
    lines = sum(max(text.count("\n") + 1 for text in words.loc[row]) + 0.7 for row in words.index)
    wide = [max(len(line) for text in words[name] for line in text.split("\n")) for name in words.columns]
    return 1.8 + 0.068 * max(wide) * len(wide), 1.0 + 0.16 * lines


def _words(rows: Sequence[Block]) -> list[str]:
    """The blocks of a stage in words, one entry for each run of one block type.

    The first line has number, type, width and stride: `3 x mbconv 40 /2`. Below it are the other fields: `kernel 5, expand 3 4 4`. A field
    has one value if all blocks of the run have it, and else one for each block.
    """
    runs: list[list[Block]] = []
    for block in rows:
        for single in block.unrolled:
            if runs and runs[-1][0].op == single.op:
                runs[-1].append(single)
            else:
                runs.append([single])
    lines = []
    for run in runs:
        op, count = run[0].op, len(run)
        fields = [{k: plain(v) for k, v in b.fields.items()} for b in run]  # with fields at their default
        widths = _each([_short(f.get("width")) for f in fields])
        strides = [f.get("stride", 1) for f in fields]
        shrinks = " /" + (str(strides[0]) if set(strides[1:]) <= {1} else "/".join(map(str, strides))) if set(strides) != {1} else ""
        head = f"{f'{count} x ' if count > 1 else ''}{op}{f' {widths}' if widths != 'none' else ''}{shrinks}"
        words = []
        for name in dict.fromkeys(k for b in run for k in _shown(b)):
            values = _each([_short(f.get(name)) for f in fields])
            words.append(f"no {name}" if values == "none" else f"{name} {values}")
        lines += [f"{head}, {words[0]}"] if len(words) == 1 and len(head) + len(words[0]) + 2 <= LONGEST else [head, *_lines(words)]
    return lines


def _each(values: Sequence[str]) -> str:
    """The value that all have, or one for each: in sequence, or where there are many, each with the number of times that it is repeated."""
    if len(set(values)) == 1:
        return values[0]
    if len(values) <= MOST_VALUES:
        return " ".join(values)
    runs = [(value, len(list(same))) for value, same in groupby(values)]
    return " ".join(value if count == 1 else f"{value} (x{count})" for value, count in runs)


def _shown(block: Block) -> list[str]:
    """The fields that are written in the genotype, and always the kernel, which readers look for first."""
    kernel = block.fields.get("kernel")
    always = ["kernel"] if isinstance(kernel, int) and kernel > 1 else []
    return [*always, *(k for k in block.written() if k not in ("op", "repeat", "stride", "paths", "nodes", "width"))]


def _lines(parts: Sequence[str]) -> list[str]:
    """The parts joined by commas, with a new line where a line would be too long for a cell."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 2 <= LONGEST:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(str, value))
    return "none" if value is None else str(value).replace("in*", "")

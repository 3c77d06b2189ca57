"""The genotypes of a front side by side: what its networks have in common, stage by stage, and what changes along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from nasbench.analysis.metrics import axes
from nasbench.analysis.networks import stage_frame
from nasbench.genotype import Block, Genotype
from nasbench.genotype.block import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 8  # networks side by side, that stay readable
LONGEST = 26  # letters of a cell's line


def chosen(front: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """At most so many rows of a front, evenly along it, both ends among them."""
    if len(front) <= most:
        return front
    places = sorted({round(i * (len(front) - 1) / (most - 1)) for i in range(most)})
    return front.iloc[places]


def front_genotypes(front: pd.DataFrame, most: int = MOST) -> dict[str, Genotype]:
    """The networks of a `Study.front` by a name with their figures, `trial 12: 14.2 ms, 80.1 %`; of a comparison with the study's name."""
    found = {}
    for row in chosen(front, most).to_dict("records"):
        place = f"{row.get('study', 'trial')} {row['number']}"
        found[f"{place}: {row['latency_ms']:.1f} ms, {100 * row['accuracy']:.1f} %"] = Genotype.from_yaml(row["genotype"])
    return found


def rows_frame(networks: Mapping[str, Genotype]) -> pd.DataFrame:
    """A column per network, a row for the input, the stem, each stage and the head: what stands there, in words.

    A stage that a network has not is empty. `same` of the result says which rows are alike in all: `(df.nunique(axis=1) == 1)`.
    """
    columns = {}
    for name, g in networks.items():
        style = _lines([f"{k} {v}" for k, v in g.style.written().items()]) or ["as usual"]
        cells = {"input": "x".join(map(str, g.input)), "style": "\n".join(style)}
        parts = [("stem", g.stem), *((f"stage {i + 1}", s) for i, s in enumerate(g.stages)), ("head", g.head)]
        columns[name] = cells | {part: "\n".join(_words(rows)) for part, rows in parts if rows}
    df = pd.DataFrame(columns)
    order = sorted(df.index, key=lambda r: (("input", "style", "stem").index(r) if r in ("input", "style", "stem") else 3, r == "head",
                                            int(r.split()[-1]) if r.startswith("stage") else 0))  # fmt: skip
    return df.loc[order].fillna("")


def shares_frame(networks: Mapping[str, Genotype]) -> pd.DataFrame:
    """The share of the multiply-adds, in %, by the same rows and columns as `rows_frame`; 0 for rows that compute nothing."""
    columns = {}
    for name, g in networks.items():
        macs = stage_frame(g)["macs"]
        columns[name] = 100 * macs / macs.sum()
    return pd.DataFrame(columns).reindex(rows_frame(networks).index).fillna(0.0)


def plot_rows(networks: Mapping[str, Genotype], ax: Axes | None = None) -> Axes:
    """`rows_frame` as a table, the darker the more of a network's multiply-adds a row takes (`shares_frame`).

    Rows that are alike in all networks have their name in grey: the front has settled there.
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
    """Inches in which a `rows_frame` is readable."""
    lines = sum(max(text.count("\n") + 1 for text in words.loc[row]) + 0.7 for row in words.index)
    wide = [max(len(line) for text in words[name] for line in text.split("\n")) for name in words.columns]
    return 1.8 + 0.068 * max(wide) * len(wide), 1.0 + 0.16 * lines


def _words(rows: Sequence[Block]) -> list[str]:
    """Per run of one word a line with number and width, `3 x mbconv 40 /2`, and below it what its layers have: `kernel 5, expand 3 4`."""
    runs: list[list[Block]] = []
    for block in rows:
        for one in [block] * block.repeat:
            if runs and runs[-1][0].op == one.op:
                runs[-1].append(one)
            else:
                runs.append([one])
    found = []
    for run in runs:
        op, count = run[0].op, len(run)
        fields = [{k: plain(v) for k, v in b.fields.items()} for b in run]  # with those left at their default
        widths = [str(f["width"]) for f in fields if f.get("width") is not None]
        stride = fields[0].get("stride", 1)
        head = f"{f'{count} x ' if count > 1 else ''}{op}{f' {widths[-1]}' if widths else ''}{f' /{stride}' if stride != 1 else ''}"
        said = []
        for name in dict.fromkeys(k for b in run for k in _shown(b)):
            values = list(dict.fromkeys(_short(f.get(name)) for f in fields))
            said.append(f"no {name}" if values == ["none"] else f"{name} {' '.join(values)}")
        found += [f"{head}, {said[0]}"] if len(said) == 1 and len(head) + len(said[0]) + 2 <= LONGEST else [head, *_lines(said)]
    return found


def _shown(row: Block) -> list[str]:
    """The fields that are written, and the kernel also where it is the usual one: it is what people look for."""
    kernel = row.fields.get("kernel")
    usual = ["kernel"] if isinstance(kernel, int) and kernel > 1 else []
    return [*usual, *(k for k in row.written() if k not in ("op", "repeat", "stride", "paths", "nodes", "width"))]


def _lines(parts: Sequence[str]) -> list[str]:
    """Parts joined by commas, broken where a line would be too long for a cell."""
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

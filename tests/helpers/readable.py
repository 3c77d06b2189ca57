"""Checks that a picture can be read."""

from __future__ import annotations

from matplotlib.figure import Figure

from nasbench.analysis.plots.labels import Box


def texts_of(ax):
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()
    ticks = [
        label
        for i, axis in enumerate((ax.xaxis, ax.yaxis))
        for which in ("major", "minor")
        for label in axis.get_ticklabels(which=which)
        if min(axis.get_view_interval()) <= label.get_position()[i] <= max(axis.get_view_interval())
    ]
    shown = [*ax.texts, ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ticks]
    legend = ax.get_legend()
    shown += legend.get_texts() if legend else []
    return figure, [(t.get_text(), t.get_window_extent()) for t in shown if t.get_text().strip() and t.get_visible()]


def assert_readable(ax):
    """Every text is inside the figure, and no two cover each other by more than a hair."""
    figure, texts = texts_of(ax)
    for text, box in texts:
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= figure.bbox.width + 1, text
        assert box.y1 <= figure.bbox.height + 1, text
    for i, (a, box) in enumerate(texts):
        for b, other in texts[i + 1 :]:
            width = min(box.x1, other.x1) - max(box.x0, other.x0)
            height = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert width <= 1 or height <= 1, (a, b)


def new_axes(size=(8, 5.2)):
    return Figure(figsize=size, layout="constrained").subplots()


def boxes(ax, names: list[str]) -> list[Box]:
    """The boxes of names in pixels, as the figure is drawn."""
    ax.figure.draw_without_rendering()
    texts = {t.get_text(): t for t in ax.texts if t.get_text() in names}
    assert sorted(texts) == sorted(names)
    return [Box(e.x0, e.y0, e.x1, e.y1) for e in (t.get_window_extent() for t in texts.values())]

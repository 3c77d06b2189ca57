"""Names are placed beside their points."""

from __future__ import annotations

from readable import boxes, new_axes

from nasbench.analysis.plots.labels import Box, Bubble, place_labels


def test_labels_stand_beside_their_bubble_where_there_is_room() -> None:
    ax = new_axes()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    (text,) = place_labels(ax, [Bubble("alone", 0.5, 0.5, 10.0)])
    (box,) = boxes(ax, ["alone"])
    x, y = ax.transData.transform((0.5, 0.5))
    near = max(box.left - x, x - box.right, box.bottom - y, y - box.top) / (ax.figure.dpi / 72)
    assert 10 <= near <= 14
    assert text.get_text() == "alone"
    assert place_labels(ax, []) == []


def test_the_area_that_two_boxes_share():
    assert Box(0, 0, 4, 4).shared(Box(2, 3, 9, 9)) == 2
    assert Box(0, 0, 4, 4).shared(Box(4, 0, 8, 4)) == 0
    assert Box.around(1, 1, 2, 4) == Box(0, -1, 2, 3)


def test_the_same_points_give_the_same_places():
    bubbles = [Bubble(f"network {i}", 0.5 + i / 100, 0.5, 8.0) for i in range(5)]
    first, second = (new_axes(), new_axes())
    places = [[text.get_position() for text in place_labels(ax, bubbles)] for ax in (first, second)]
    assert places[0] == places[1]
    assert len(set(places[0])) == 5

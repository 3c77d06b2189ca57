"""Small random spaces, for hypothesis: enumerable, and with shapes that always meet."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from nasbench.spaces import Space, read_space


def some(options: list[Any], most: int = 2) -> st.SearchStrategy[Any]:
    """A fixed value, or a choice."""
    return st.sampled_from(options) | st.lists(st.sampled_from(options), min_size=1, max_size=most, unique_by=lambda o: (type(o), o))


@st.composite
def branched(draw: st.DrawFn) -> dict[str, Any]:
    """Paths with open rows in them; what is added ends at the channels of the first path."""
    join = draw(st.sampled_from(["concat", "add"]))
    first = {"op": "conv", "width": draw(some([4, 8])), "kernel": draw(some([1, "1x3", "3x1"]))}
    second = {"op": "conv", "width": "out" if join == "add" else draw(some([4, 8])), "repeat": draw(some([1, 2]))}
    paths = [[first], [{"op": "pool", "stride": 1, "mode": draw(some(["max", "avg"]))}, second]]
    row: dict[str, Any] = {"op": "branches", "paths": paths, "join": join, "repeat": draw(some([0, 1, 2]))}
    return {**row, "vary": ["paths"]} if draw(st.booleans()) else row


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from(["conv", "mbconv", "separable", "residual", "identity", "branches"]))
    if op == "identity":
        return {"op": op}
    if op == "branches":
        return draw(branched())
    row: dict[str, Any] = {"op": op, "width": draw(some([4, 8, 12]))}
    if draw(st.booleans()):
        row["width"] = draw(st.sampled_from([{"range": [4, 8, 4]}, {"range": [4, 4]}, ["in", 4], "in*2"]))
    if draw(st.booleans()):
        row["stride"] = draw(some([1, 2]))
    if draw(st.booleans()):
        row["kernel"] = draw(some([1, 3]))
    if draw(st.booleans()):
        row["act"] = draw(some([None, "silu"]))
    if op == "mbconv" and draw(st.booleans()):
        row["se"] = draw(some([None, "in/4"]))
        row["expand"] = draw(some([None, "in*2"]))
    if draw(st.booleans()):
        row["repeat"] = draw(some([0, 1, 2]) | st.just({"range": [0, 2]}))
    if draw(st.booleans()):
        row["vary"] = draw(st.lists(st.sampled_from([n for n in row if n not in ("op", "repeat", "stride")]), unique=True, max_size=2))
    return row


PARTS = rows() | st.fixed_dictionaries({"any_of": st.lists(rows(), min_size=2, max_size=3)})


@st.composite
def spaces(draw: st.DrawFn, most: int = 400) -> Space:
    """A space of at most `most` points: parts that would make it larger are left out."""
    document: dict[str, Any] = {"name": "drawn", "resolution": draw(some([32, 48])), "stem": [], "stages": []}
    if draw(st.booleans()):
        document["style"] = {"plain": {}, "hard": {"divisor": 8, "act": "hardswish"}}
    if draw(st.booleans()):
        document["head"] = {"short": [{"op": "gap"}], "long": [{"op": "gap"}, {"op": "linear", "width": draw(some([5, 7]))}]}
    for where in draw(st.lists(st.sampled_from(["stem", "stage", "same stage", "named stage"]), max_size=4)):
        part = draw(PARTS)
        if where == "named stage":
            named = {"one": draw(st.lists(PARTS, max_size=2)), "two": [part]}
            longer = {**document, "stages": [*document["stages"], named]}
            document = longer if read(longer).count() <= most else document
            continue
        longer = {**document, "stem": [*document["stem"], part]}
        if where != "stem":
            joins = where == "same stage" and document["stages"] and isinstance(document["stages"][-1], list)
            more = [[*document["stages"][-1], part]] if joins else [[part]]
            kept = document["stages"][:-1] if joins else document["stages"]
            longer = {**document, "stages": [*kept, *more]}
        if read(longer).count() <= most:
            document = longer
    return read(document)


def read(document: dict[str, Any]) -> Space:
    return read_space(json.dumps(document))  # JSON is YAML, and quicker to write

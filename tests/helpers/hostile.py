"""Files as nobody should write them: real ones that were damaged, byte by byte or part by part, and data made of anything."""

from __future__ import annotations

import copy
import json
import math
import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from nasbench.errors import NasbenchError

SECONDS = 60  # in which any reader has to answer

NESTED: Any = []
for _ in range(30):
    NESTED = [NESTED]

HOSTILE = (
    None, True, False, 0, 1, -1, 2, 3, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308, math.nan, math.inf, "", "x", "\0", "\n", "±", "../../x",
    "x" * 5000, "in*6", "in*1/0", "9" * 400, "nan", "conv", "1x7", [], [[]], [1, 2], ["a"], NESTED, {}, {"": 0}, {"op": "conv"}, {"op": 1},
    {"op": "conv", "width": 8}, {"range": [1, 10**12]}, {"range": [1, 2, 0]}, {"range": "x"}, {"any_of": []}, {"a": {"b": 1}},
)  # fmt: skip


def damaged_bytes(text: bytes, draw: random.Random) -> bytes:
    """The text with a few bytes changed, removed, repeated or added, or cut off."""
    data = bytearray(text)
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(data) + 1), draw.randint(1, 40)
        match draw.randrange(6):
            case 0:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at:at] = bytes(draw.choices(b"{}[]:,-&*!#'\"\\ \n\t\x000123456789abcinf", k=length))
            case 4:
                del data[at:]
            case 5 if len(data) > 2:
                other = draw.randrange(len(data))
                data[at : at + length], data[other : other + length] = data[other : other + length], data[at : at + length]
    return bytes(data)


def damaged_data(data: Any, draw: random.Random) -> Any:
    """Plain data in which one to three parts were replaced, removed, renamed or exchanged."""
    data = copy.deepcopy(data)
    for _ in range(draw.randint(1, 3)):
        places = list(_places(data))
        if not places:
            return draw.choice(HOSTILE)
        container, key = draw.choice(places)
        match draw.randrange(5):
            case 0 | 1 | 2:
                container[key] = copy.deepcopy(draw.choice(HOSTILE))
            case 3:
                del container[key]
            case 4:
                other, where = draw.choice(places)
                container[key] = copy.deepcopy(other[where])
        if isinstance(container, dict) and draw.random() < 0.1:
            container[draw.choice(("x", "", "name", "op", 1))] = copy.deepcopy(draw.choice(HOSTILE))
    return data


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in nested lists and mappings: the container and the key."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield data, key
            yield from _places(value)


def anything(words: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Nested plain data whose keys and texts are often `words`."""
    keys = st.one_of(st.sampled_from(words), st.text(max_size=5))
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(), st.integers(-2, 70), st.floats(), st.sampled_from(words), st.text(max_size=20)
    )
    return st.recursive(
        scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)), max_leaves=20
    )


def as_json(data: Any) -> bytes:
    """The data as JSON, which YAML reads too."""
    return json.dumps(data).encode()


@contextmanager
def must_answer(what: bytes) -> Iterator[None]:
    """Ends with an error that names the input where what runs inside takes too long, or fails in another way than a reader may."""

    def late(*_: object) -> None:
        raise TimeoutError(f"no answer after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    except NasbenchError as error:
        text = re.sub(r"(\S{300})\S+", r"\1...", str(error))  # as the command line prints it
        assert text, what[:2000]
        assert len(text) < 3000, (len(text), text[:500])
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__}: {error}; for {what[:3000]!r}") from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check_reader(read: Callable[[Path], None], file: Path, content: bytes) -> None:
    """Write the content to a file and read it: the reader accepts it, or refuses it with a message; and writes nothing itself."""
    file.write_bytes(content)
    with must_answer(content):
        read(file)
    assert list(file.parent.iterdir()) == [file], content[:2000]

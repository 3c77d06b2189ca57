"""One decision: what may be answered, and who is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nasbench.errors import SpaceError, short

Options = Sequence[Any]
Choose = Callable[[str, Options], Any]
ParameterValues = dict[str, Any]

MAX_OPTIONS = 1_000_000


def ask(choose: Choose, label: str, options: Options) -> Any:
    """One decision; a field with a single option is not asked.

    Raises:
        SpaceError: the chooser answered with something that is no option.
    """
    if len(options) == 1:
        return options[0]
    answer = choose(label, options)
    for option in options:
        if option is answer or same(answer, option):
            return option
    raise SpaceError(f"{label} is one of {show(options)}; got {short(answer)}")


def same(a: Any, b: Any) -> bool:
    """Equality that tells True from 1 and 0 from False."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def show(options: Options) -> str:
    """Options as a person writes them."""
    if isinstance(options, range):
        return f"{options[0]} to {options[-1]} in steps of {options.step}"
    return ", ".join("null" if o is None else str(o).lower() if isinstance(o, bool) else str(o) for o in options)


def ends(options: Options) -> Options:
    """Those worth trying when a space is read: all of a list, the two ends of a range."""
    return (options[0], options[-1]) if isinstance(options, range) else options


def first(_: str, options: Options) -> Any:
    """The chooser that always takes the first option."""
    return options[0]


def read_options(value: Any, where: str) -> Options:
    """A scalar is fixed, a list is a choice, `{range: [low, high, step]}` whole numbers with both ends.

    Raises:
        SpaceError: an empty or doubled choice, options that are no scalars, an impossible range.
    """
    if isinstance(value, Mapping):
        bounds = value.get("range")
        if set(value) != {"range"} or not isinstance(bounds, list) or not 2 <= len(bounds) <= 3 or not all(type(n) is int for n in bounds):
            raise SpaceError(f"{where}: a mapping at a field is {{range: [low, high, step]}} of whole numbers; got {short(dict(value))}")
        low, high, step = (*bounds, 1)[:3]
        if step < 1 or high < low or (high - low) // step > MAX_OPTIONS:
            raise SpaceError(f"{where}: a range needs low <= high, a step of at least 1 and at most {MAX_OPTIONS:,} values; got {bounds}")
        return range(low, high + 1, step)
    options = value if isinstance(value, list) else [value]
    if not options:
        raise SpaceError(f"{where}: a choice needs at least one option; got an empty list")
    seen: set[tuple[bool, Any]] = set()
    for option in options:
        if not (option is None or isinstance(option, bool | int | float | str)):
            hint = "; a pair is written as text, such as 1x7" if _is_pair(option) else ""
            raise SpaceError(f"{where}: an option is a number, a text, true, false or null; got {short(option)}{hint}")
        key = (isinstance(option, bool), option)
        if key in seen:
            raise SpaceError(f"{where}: the option {short(option)} stands twice; write it once")
        seen.add(key)
    return options


def _is_pair(option: Any) -> bool:
    return isinstance(option, list) and len(option) == 2 and all(type(n) is int for n in option)

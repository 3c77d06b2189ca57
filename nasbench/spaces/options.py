"""One parameter of a space: its options, and the function that chooses among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nasbench.errors import SpaceError, short

Options = Sequence[Any]
"""What a parameter may be: a list of scalars, or a `range` of whole numbers."""

Choose = Callable[[str, Options], Any]
"""A chooser: `choose(name, options)` returns one of the options of the parameter `name`."""

ParameterValues = dict[str, Any]
"""Values by parameter name, such as `{"stages.0.0.width": 24}`."""

MAX_OPTIONS = 1_000_000


def suggest(choose: Choose, name: str, options: Options) -> Any:
    """The option that `choose` returns for a parameter; a single option is taken without a call.

    Raises:
        SpaceError: `choose` returned something that is not an option.
    """
    if len(options) == 1:
        return options[0]
    value = choose(name, options)
    for option in options:
        if option is value or same(value, option):
            return option
    raise SpaceError(f"{name} is one of {show(options)}; got {short(value)}")


def same(a: Any, b: Any) -> bool:
    """Equality in which True differs from 1 and False from 0."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def show(options: Options) -> str:
    """Options as a user writes them in YAML, such as `3, 5, null` or `8 to 64 in steps of 8`."""
    if isinstance(options, range):
        return f"{options[0]} to {options[-1]} in steps of {options.step}"
    return ", ".join("null" if o is None else str(o).lower() if isinstance(o, bool) else str(o) for o in options)


def ends(options: Options) -> Options:
    """The options that are tried when a space is read: all of a list, the two ends of a range."""
    return (options[0], options[-1]) if isinstance(options, range) else options


def first(_: str, options: Options) -> Any:
    """A chooser that always takes the first option."""
    return options[0]


def read_options(value: Any, where: str) -> Options:
    """Options from YAML: a scalar is fixed, a list is a choice, and `{range: [low, high, step]}` is a range that includes both ends.

    Raises:
        SpaceError: an empty list, an option that stands twice or is not a scalar, or an impossible range.
    """
    if isinstance(value, Mapping):
        return _read_range(value, where)
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


def _read_range(value: Mapping[str, Any], where: str) -> range:
    numbers = value.get("range")
    if set(value) != {"range"} or not isinstance(numbers, list) or not 2 <= len(numbers) <= 3 or not all(type(n) is int for n in numbers):
        raise SpaceError(f"{where}: a mapping at a field is {{range: [low, high, step]}} of whole numbers; got {short(dict(value))}")
    low, high, step = (*numbers, 1)[:3]
    if step < 1 or high < low or (high - low) // step > MAX_OPTIONS:
        raise SpaceError(f"{where}: a range needs low <= high, a step of at least 1 and at most {MAX_OPTIONS:,} values; got {numbers}")
    return range(low, high + 1, step)


def _is_pair(option: Any) -> bool:
    return isinstance(option, list) and len(option) == 2 and all(type(n) is int for n in option)

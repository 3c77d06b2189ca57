from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench.errors import UnitError
from nasbench.genotype.units import (
    parse_count,
    parse_duration,
    parse_latency,
    parse_memory,
    show_count,
    show_duration,
    show_memory,
)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_latency, "20ms", 20.0),
        (parse_latency, " 20 ms ", 20.0),
        (parse_latency, "0.02s", 20.0),
        (parse_latency, ".5s", 500.0),
        (parse_latency, "1.s", 1000.0),
        (parse_latency, "+3ms", 3.0),
        (parse_latency, "250us", 0.25),
        (parse_latency, "250µs", 0.25),
        (parse_latency, "5e3ns", 0.005),
        (parse_count, "600M", 600_000_000),
        (parse_count, "5.3M", 5_300_000),
        (parse_count, "1200", 1200),  # a count needs no unit
        (parse_count, "4K", 4000),
        (parse_count, "1.5B", 1_500_000_000),
        (parse_memory, "64MiB", 67_108_864),
        (parse_memory, "64MB", 64_000_000),
        (parse_memory, "100B", 100),
        (parse_duration, "8min", 480.0),
        (parse_duration, "1.5h", 5400.0),
        (parse_duration, "2d", 172_800.0),
        (parse_duration, "90s", 90.0),
    ],
)
def test_quantities(parse: Callable[[str], float], text: str, value: float) -> None:
    assert parse(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (parse_latency, "20", ["without a unit", "did you mean 20ms?"]),
        (parse_latency, "-20", ["without a unit", "20ms"]),
        (parse_latency, "-5ms", ["'-5ms'", "not positive"]),
        (parse_latency, "0ms", ["not positive"]),
        (parse_latency, "20 parsecs", ["unit 'parsecs'", "ms, s, us"]),
        (parse_latency, "20msec", ["unit 'msec'", "did you mean ms"]),
        (parse_latency, "20MS", ["unit 'MS'"]),  # M is mega elsewhere: case counts
        (parse_latency, "nanms", ["'nanms'"]),
        (parse_latency, "infs", ["'infs'"]),
        (parse_latency, "1e999s", ["1e999s"]),
        (parse_latency, "", ["such as 20ms", "''"]),
        (parse_latency, "ms", ["'ms'"]),
        (parse_latency, "20ms30", ["'20ms30'"]),
        (parse_latency, "1,000ms", ["'1,000ms'"]),
        (parse_latency, "2 0ms", ["'2 0ms'"]),
        (parse_memory, "64", ["without a unit", "64MiB"]),
        (parse_memory, "64MIB", ["unit 'MIB'", "did you mean MiB?"]),
        (parse_count, "300m", ["unit 'm'", "did you mean M?"]),
        (parse_count, "-3M", ["not positive"]),
        (parse_count, "600MM", ["unit 'MM'"]),
        (parse_duration, "8", ["without a unit", "8min"]),
        (parse_duration, "8minutes", ["unit 'minutes'"]),
    ],
)
def test_what_is_no_quantity_is_refused_with_the_rule_and_the_value(parse: Callable[[str], float], text: str, said: list[str]) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text)
    message = str(caught.value)
    assert "\n" not in message
    for part in ["positive number", *said]:
        assert part in message


@given(st.floats(1e-3, 1e6), st.sampled_from(["ms", "s", "us"]))
def test_any_positive_number_with_a_unit_is_read(number: float, unit: str) -> None:
    factor = {"ms": 1, "s": 1e3, "us": 1e-3}[unit]
    assert parse_latency(f"{number!r}{unit}") == pytest.approx(number * factor)


@given(st.text(max_size=12))
def test_any_other_text_is_an_error_and_nothing_else(text: str) -> None:
    try:
        value = parse_latency(text)
    except UnitError:
        return
    assert value > 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (show_count(300_774_272), "300.8M"),
        (show_count(999), "999"),
        (show_count(1000), "1k"),
        (show_count(4_089_184_256), "4.089G"),
        (show_count(2.5e12), "2.5T"),
        (show_memory(67_108_864), "64MiB"),
        (show_memory(1023), "1023B"),
        (show_memory(1536), "1.5KiB"),
        (show_duration(250), "4 min 10 s"),
        (show_duration(59.4), "59 s"),
        (show_duration(59.6), "1 min 00 s"),
        (show_duration(3600), "1 h 00 min"),
        (show_duration(3599.9), "1 h 00 min"),
        (show_duration(-1), "0 s"),
    ],
)
def test_quantities_as_people_read_them(text: str, expected: str) -> None:
    assert text == expected

"""Files: what is written is read back; what is broken or hostile is refused in one line and at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from genotype_strategies import genotypes
from hypothesis import given

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, trace
from nasbench.genotype.blocks import conv
from nasbench.zoo import known


@given(genotypes())
def test_what_is_written_is_read_back(g: Genotype) -> None:
    text = g.to_yaml()
    assert Genotype.from_yaml(text) == g
    assert Genotype.from_yaml(text).to_yaml() == text


@given(genotypes())
def test_other_yaml_readers_see_the_same_names(g: Genotype) -> None:
    assert yaml.safe_load(g.to_yaml())["name"] == g.name


def test_a_file_is_read_like_its_text(tmp_path: Path) -> None:
    g = known("mobilenet_v3_small")
    path = tmp_path / "net.yaml"
    path.write_text(g.to_yaml())
    assert Genotype.from_yaml(path) == Genotype.from_yaml(str(path)) == g


def test_a_network_reads_like_a_table() -> None:
    lines = known("mobilenet_v2").to_yaml().splitlines()
    assert "- - {op: mbconv, width: 24, stride: 2, repeat: 2}" in lines
    assert max(map(len, lines)) <= 140


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 1e-3),  # YAML 1.1 has a text here
        ("1.e-3", 1e-3),
        ("0.001", 1e-3),
        (".001", 1e-3),
        ("+1E-3", 1e-3),
        ("1", 1.0),
    ],
)
def test_numbers_are_yaml_1_2s(written: str, value: float) -> None:
    assert Genotype.from_yaml(f"style: {{eps: {written}}}").style.eps == value


def test_words_that_yaml_1_1_takes_for_something_else_are_words() -> None:
    assert Genotype.from_yaml("name: no").name == "no"
    assert Genotype.from_yaml("name: 2020-01-01").name == "2020-01-01"
    assert Genotype.from_yaml("name: 12:30").name == "12:30"
    assert Genotype.from_yaml("stem: [{op: conv, width: 010}]").stem == (conv(10),)  # ten, not eight


def test_defaults() -> None:
    assert Genotype.from_yaml("stem:\nstages:\nhead:\nstyle:\n") == Genotype("unnamed")


def bomb(levels: int, merge: bool = False) -> str:
    """Billion laughs: each line names the one before nine times."""
    before = ["{<<: [%s]}" if merge else "[%s]"] * levels
    lines = ["a0: &a0 " + ("{x: 1}" if merge else "[lol]")]
    lines += [f"a{i}: &a{i} " + row % ", ".join([f"*a{i - 1}"] * 9) for i, row in enumerate(before, 1)]
    return "\n".join(lines)


def nested(levels: int, row: str, repeat: int = 1) -> str:
    """Branches in branches in branches."""
    for _ in range(levels):
        row = f"{{op: branches, join: add, repeat: {repeat}, paths: [[{row}], []]}}"
    return f"input: [8, 16, 16]\nstem: [{row}]"


HOSTILE = {
    "billion laughs": (bomb(20), "at most 20,000 entries"),
    "billion laughs by merging": (bomb(20, merge=True), "at most 20,000 entries"),
    "itself": ("stem: &a [*a]", "40 levels deep"),
    "deep lists": ("[" * 500_000, "40 levels deep"),
    "deep mappings": ("{a: " * 200_000, "40 levels deep"),
    "a long list": ("stem: [" + "1," * 450_000 + "1]", "at most 20,000 entries"),
    "many small mappings": ("stem: [" + "{a: b}," * 120_000 + "1]", "at most 20,000 entries"),
    "too long": ("#" * 1_000_001, "YAML has at most 1,000,000 bytes; text has 1,000,001"),
    "a long comment": ("#" * 999_999, "text holds NoneType"),
    "a long name": ("name: " + "a" * 900_000, "1 to 100 printable characters"),
    "a long number": ("name: " + "9" * 900_000, "an impossible number"),
    "a long width": ("stem: [{op: conv, width: in" + "*9" * 400_000 + "}]", "stem, block 1: conv.width: a width is"),
    "a huge width": ("stem: [{op: conv, width: 'in*999999999*999999999*999999999'}]", "a width is at most 65536 channels"),
    "a long unknown word": ("stem: [{op: " + "a" * 900_000 + "}]", "there is no block"),
    "a long unknown field": ("stem: [{op: conv, width: 3, " + "a" * 1000 + ": 3}]", "conv has no field"),
    "a python call": (
        "!!python/object/apply:os.system ['touch hacked']",
        "without tags; line 1 of text has 'tag:yaml.org,2002:python/object/apply",
    ),
    "a python name": ("stem: !!python/name:os.system", "without tags"),
    "an own tag": ("stem: !thing [1]", "without tags"),
    "a false date": ("name: !!timestamp abc", "without tags"),
    "a false boolean": ("name: !!bool abc", "without tags"),
    "bytes": ("name: !!binary aGVsbG8=", "without tags"),
    "10^9 repeats": (
        "stem: [{op: conv, width: 8, repeat: 1000000000}]",
        "stem, block 1: conv: repeat is a whole number from 1 to 2048; got 10",
    ),
    "many rows of repeats": ("stem: [" + "{op: identity, repeat: 2048}," * 3000 + "]", "at most 20,000 blocks"),
    "repeats of repeats": (nested(11, "{op: conv, width: 8}", repeat=2048), "at most 20,000 blocks"),
    "a wrong row far inside": (
        nested(11, "{op: conv, width: 8, kernel: 17, padding: valid}"),
        "a 17x17 window with stride 1 and padding 0x0",
    ),
    "much work": ("input: [3, 16384, 16384]\nstem: [{op: conv, width: 60000, kernel: 64}]", "at most 1e+13 MACs"),
    "many parameters": ("stem: [{op: flatten}, {op: linear, width: 60000, repeat: 9}]", "1e+10 parameters"),
    "many layers": (
        "input: [8, 8, 8]\nstem: [{op: shuffle, width: 8, repeat: 2000, stride: 1}" + ", {op: shuffle, width: 8, repeat: 2000}" * 8 + "]",
        "at most 100000 layers",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_yaml_is_refused_in_one_line_and_at_once(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, said = HOSTILE[case]
    start = time.process_time()
    with pytest.raises(GenotypeError) as caught:
        trace(Genotype.from_yaml(text))
    assert time.process_time() - start < 5  # of the processor, and generous: unbounded work would take minutes or for ever
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert len(message) < 700
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a genotype is a mapping of name, input, style, stem, stages, head; text holds NoneType"),
        ("- 1", "text holds list"),
        ("just words", "text holds str"),
        ("name: a\nname: b", "line 2 of text: the key 'name' stands twice"),
        ("stem: [{op: conv, width: 8, width: 9}]", "the key 'width' stands twice"),
        ("? [a, b]\n: c", "a key is one word, not a list or a mapping"),
        ("? {a: b}\n: c", "a key is one word"),
        ("steem: []", "a genotype has no 'steem'; it reads name, input, style, stem, stages, head; did you mean stem"),
        ("1: 2", "a genotype has no 1"),
        ("stem: [", "cannot read YAML: line"),
        ("stem: [a\nstages: b]", "cannot read YAML: line 2 of text"),
        ("a: 1\n---\nb: 2", "another document"),
        ("stem: *nothing", "undefined alias"),
        ("name: \x00", "cannot read YAML"),
        ("stem: {op: conv, width: 8}", "stem: blocks are a list; got dict"),
        ("stem: 3", "stem: blocks are a list; got int"),
        ("stem: [conv]", "stem, block 1: a block is a mapping with an op, such as {op: conv, width: 64}; got 'conv'"),
        ("stem: [{width: 8}]", "stem, block 1: a block is a mapping with an op"),
        ("stem: [{op: [conv], width: 8}]", "stem, block 1: there is no block ['conv']"),
        ("stem: [{op: conv, width: 8, 3: 4}]", "stem, block 1: conv.3"),
        ("stages: [{op: conv, width: 8}]", "stage 1: blocks are a list; got dict"),
        (
            "stages: [[{op: fire, squeeze: 8, expand: 8}, {op: fire, squeeze: 8, expnad: 8}]]",
            "stage 1, block 2: fire has no field 'expnad'; it reads squeeze, expand, act, bypass; did you mean expand",
        ),
        ("stages: 3", "stages is a list of lists of blocks and style a mapping; got int"),
        ("style: [act]", "and style a mapping; got list and list"),
        ("style: {act: rleu}", "style.act is one of"),
        ("style: {1: 2}", "style has no field 1"),
        ("name: [a]", "a network's name is a text"),
        ("name: ", "a network's name is a text of 1 to 100 printable characters; got None"),
        ("input: [3, 224]", "input is [channels, height, width]"),
        ("input: 224", "input is [channels, height, width], whole numbers from 1 to 16384; got 224"),
        (
            "head: [{op: branches, paths: [[{op: conv, width: 8}], [{op: conv, widht: 8}]]}]",
            "head, block 1: branches.paths: conv has no field 'widht'",
        ),
    ],
)
def test_broken_yaml_says_where_and_what(text: str, said: str) -> None:
    with pytest.raises(GenotypeError) as caught:
        Genotype.from_yaml(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenotypeError, match=r"a YAML file is needed; .* is a folder; name a file in it"):
        Genotype.from_yaml(tmp_path)
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    with pytest.raises(GenotypeError, match="is a folder"):
        Genotype.from_yaml(str(folder))
    with pytest.raises(GenotypeError, match=r"cannot read .*nothing\.yaml: No such file or directory; check the path"):
        Genotype.from_yaml(str(tmp_path / "nothing.yaml"))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(GenotypeError, match=r"a YAML file is UTF-8 text; .*binary\.yaml is not"):
        Genotype.from_yaml(binary)
    zeros = tmp_path / "zeros.yml"
    zeros.write_bytes(bytes(1000))
    with pytest.raises(GenotypeError, match="cannot read YAML"):
        Genotype.from_yaml(zeros)
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(3_000_000_000)  # sparse; it is refused before it is read
    with pytest.raises(GenotypeError, match=r"it has 3,000,000,000 bytes, of at most 1,000,000; split it"):
        Genotype.from_yaml(large)

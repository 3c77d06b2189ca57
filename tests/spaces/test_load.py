"""A file that is no space is refused when it is read, with the place, the rule and the value."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nasbench.errors import SpaceError
from nasbench.spaces import load_space, read_space

BAD = [
    ("", "a space is a mapping of name, about, channels, resolution, bounds, style, defaults, stem, stages, head; text holds NoneType"),
    ("[1]", "text holds list"),
    ("steem: []", "a space has no 'steem'; it reads name, about, "),
    ("stem: conv", "stem, block 1: a block is a mapping with an op or any_of; got 'conv'"),
    ("stages: [3]", "stage 1, block 1: a block is a mapping with an op or any_of; got 3"),
    ("stages: {op: conv, width: 8}", "stages is a list of blocks or of lists of blocks; got dict"),
    ("stages: [{op: conv, width: 8}, [{op: conv, width: 8}, {op: cnv}]]", "stage 2, block 2: there is no block 'cnv'"),
    ("stem: [{width: 8}]", "stem, block 1: a block has an op, such as {op: conv, width: [16, 32]}; got {'width': 8}"),
    ("stem: [{op: [conv, fire], width: 8}]", "stem, block 1: a block has an op"),
    ("stem: [{op: conv}]", "stem, block 1: conv needs the field 'width'"),
    ("stem: [{op: conv, widht: [8, 16]}]", "stem, block 1: conv has no field 'widht'; it reads width, kernel"),
    ("stem: [{op: conv, width: [8, 0]}]", "stem, block 1: conv.width: a width is 1 to 65536 channels; got 0"),
    ("stem: [{op: conv, width: 8, act: [relu, rleu]}]", "stem, block 1: conv.act: input should be 'none', 'relu'"),
    ("stem: [{op: conv, width: []}]", "stem, block 1, width: a choice needs at least one option; got an empty list"),
    ("stem: [{op: conv, width: [8, 16, 8]}]", "stem, block 1, width: the option 8 stands twice; write it once"),
    ("stem: [{op: conv, width: [8, 8.0]}]", "the option 8.0 stands twice"),
    ("stem: [{op: conv, width: [[8]]}]", "stem, block 1, width: an option is a number, a text, true, false or null; got [8]"),
    (
        "stem: [{op: conv, width: {rnge: [1, 2]}}]",
        "a mapping at a field is {range: [low, high, step]} of whole numbers; got {'rnge': [1, 2]}",
    ),
    ("stem: [{op: conv, width: {range: [8]}}]", "got {'range': [8]}"),
    ("stem: [{op: conv, width: {range: [8, 16, 8, 8]}}]", "got {'range': [8, 16, 8, 8]}"),
    ("stem: [{op: conv, width: {range: [8, 16.5]}}]", "got {'range': [8, 16.5]}"),
    (
        "stem: [{op: conv, width: {range: [16, 8]}}]",
        "a range needs low <= high, a step of at least 1 and at most 1,000,000 values; got [16, 8]",
    ),
    ("stem: [{op: conv, width: {range: [8, 16, 0]}}]", "got [8, 16, 0]"),
    ("stem: [{op: conv, width: {range: [1, 100000000]}}]", "at most 1,000,000 values"),
    ("stem: [{op: conv, width: {range: [8, 70000]}}]", "stem, block 1: conv.width: a width is 1 to 65536 channels; got 70000"),
    ("stem: [{op: conv, width: 8, repeat: [-1, 2]}]", "stem, block 1: repeat is a whole number from 0 to 1000; got -1, 2"),
    ("stem: [{op: conv, width: 8, repeat: 1000000000}]", "repeat is a whole number from 0 to 1000; got 1000000000"),
    ("stem: [{op: conv, width: 8, repeat: [true]}]", "repeat is a whole number from 0 to 1000; got true"),
    ("stem: [{op: conv, width: 8, vary: [kernel]}]", "vary lists fields of its block, but not op, repeat or stride; got ['kernel']"),
    ("stem: [{op: conv, width: 8, stride: [1, 2], vary: [stride]}]", "got ['stride']"),
    ("stem: [{op: conv, width: 8, vary: width}]", "got 'width'"),
    ("stem: [{op: conv, width: 8, vary: [[width]]}]", "got [['width']]"),
    ("stem: [{any_of: [{op: gap}]}]", "stem, block 1: any_of lists at least two blocks; got [{'op': 'gap'}]"),
    ("stem: [{any_of: 3}]", "any_of lists at least two blocks; got 3"),
    ("stem: [{any_of: [gap, flatten]}]", "stem, block 1, any_of 1: a block is a mapping with an op; got 'gap'"),
    ("stem: [{any_of: [{op: gap}, {op: flatten}], repeat: 2}]", "any_of stands alone in its block; got any_of, repeat"),
    ("stem: [{any_of: [{op: gap}, {op: gap, sizes: 2}]}]", "stem, block 1, any_of 2: gap has no field 'sizes'; it reads size"),
    ("resolution: [32, large]", "channels and resolution are whole numbers from 1 to 16384; got 'large'"),
    ("resolution: {range: [0, 32]}", "got 0"),
    ("resolution: []", "resolution: a choice needs at least one option"),
    ("channels: [1, rgb]", "got 'rgb'"),
    ("channels: true", "got True"),
    ("style: [relu]", "style is a mapping of its fields, or of names to such mappings; got ['relu']"),
    ("style: {acct: relu}", "style: style has no field 'acct'"),
    ("style: {a: {}, b: {act: rleu}}", "style b: style.act is one of none, relu"),
    ("defaults: [conv]", "defaults is a mapping from an op to fields of its blocks; got ['conv']"),
    ("defaults: {conv: 3}", "defaults is a mapping from an op to fields"),
    ("defaults: {conv: {widht: 8}}\nstem: [{op: conv, width: 8}]", "stem, block 1: conv has no field 'widht'"),
    ("head: {}", "head is a list of blocks, or a mapping of names to such lists; got an empty mapping"),
    ("head: {a: [{op: gapp}], b: [{op: flatten}]}", "head a, block 1: there is no block 'gapp'"),
    ("head: {a b: [{op: gap}], c: []}", "head: an alternative's name is a word of letters, digits, - and _; got 'a b'"),
    ("stem: {}", "stem is a list of blocks, or a mapping of names to such lists; got an empty mapping"),
    ("stages: [{conv: [{op: conv}], none: []}]", "stage 1 conv, block 1: conv needs the field 'width'"),
    ("stem: [{op: conv, width: 8, kernel: [[1, 7]]}]", "got [1, 7]; a pair is written as text, such as 1x7"),
    ("stem: [{op: conv, width: 8, kernel: 1x}]", "stem, block 1: conv.kernel: a kernel is"),
    ("stem: [{op: branches, paths: 3}]", "stem, block 1, paths: a list is needed here; got 3"),
    ("stem: [{op: branches, paths: [[], 3]}]", "stem, block 1, paths, entry 2: a list is needed here; got 3"),
    ("stem: [{op: branches, paths: [[], [{op: conv, widht: 8}]]}]", "stem, block 1, paths, entry 2, block 1: conv has no field 'widht'"),
    ("stem: [{op: branches, paths: [[]]}]", "stem, block 1: branches.paths: paths is a list of at least two paths"),
    ("stem: [{op: spp, levels: [[1, 100], 2]}]", "stem, block 1: spp.levels"),
    ("stem: [{op: cell, width: 8, nodes: [[sep3, 0, max, 1]]}]", "stem, block 1: cell.nodes: node 2: an op is one of identity, sep3"),
    (
        "stem: [{op: conv, width: 8, tie: width}]",
        "tie maps fields of its block that do not vary to names, such as {nodes: normal}; got 'width'",
    ),
    ("stem: [{op: conv, width: 8, tie: {kernel: k}}]", "tie maps fields of its block"),
    ("stem: [{op: conv, width: [8, 16], vary: [width], tie: {width: k}}]", "tie maps fields of its block that do not vary"),
    ("stem: [{op: conv, width: [8, 16], tie: {width: w}, repeat: [0, 1]}]", "tie w: its block may be absent"),
    ("stem: [{any_of: [{op: gap}, {op: conv, width: [8, 16], tie: {width: w}}]}]", "tie w: its block may be absent"),
    (
        "stem: [{op: conv, width: [8, 16], tie: {width: w}}, {op: conv, width: [8, 24], tie: {width: w}}]",
        "tie w: one name stands for one choice; got [8, 16] and [8, 24]",
    ),
    ("bounds: 3", "bounds is a mapping of macs, params, memory, depth, such as {macs: 1G}; got 3"),
    ("bounds: {mac: 1G}", "bounds has no 'mac'; it reads macs, params, memory, depth; did you mean macs?"),
    ("bounds: {macs: lots}", "bounds, macs: a count is a positive number"),
    ("bounds: {memory: 64}", "bounds, memory: a size in memory is a positive number with a unit"),
    ("name: 3", "a space's name is a text of 1 to 100 printable characters; got 3"),
    ("name: a\nname: b", "the key 'name' stands twice"),
    ("stem: [", "cannot read YAML"),
    ("!!python/name:os.system", "without tags"),
    ("stem: &a [*a]", "40 levels deep"),
    ("a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20)), "at most 20,000 entries"),
    ("stem: [" + "{op: conv, width: 8}," * 9000 + "]", "at most 20,000 entries"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_bad_space_is_refused_in_one_line_and_at_once(text: str, said: str) -> None:
    start = time.process_time()
    with pytest.raises(SpaceError) as caught:
        read_space(text)
    assert time.process_time() - start < 5  # generous: unbounded work would take minutes or for ever
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mbcnv", "there is no space 'mbcnv'; did you mean mbconv?"),
        ("", "there is no space ''"),
        ("nothing.yaml", "cannot read nothing.yaml: No such file or directory; check the path and its permissions"),
        ("nothing/at/all", "cannot read nothing/at/all: No such file or directory"),
        ("../", "a YAML file is needed; .. is a folder; name a file in it"),
    ],
)
def test_what_cannot_be_found_is_refused(name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpaceError) as caught:
        load_space(name)
    assert said in str(caught.value)


def test_a_file_is_a_space(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("stem: [{op: conv, width: [8, 16]}]\n")
    for name in (path, str(path)):
        space = load_space(name)
        assert space.name == "own"
        assert space.count() == 2


def test_defaults_of_an_op_hold_unless_the_block_says_otherwise() -> None:
    space = read_space("""
      defaults: {conv: {kernel: [3, 5], act: silu}}
      stem: [{op: conv, width: 8}, {op: conv, width: 8, kernel: 1}, {op: separable, width: 8}]
    """)
    blocks = space.decode(lambda name, options: options[-1]).stem
    assert [block.fields["kernel"] for block in blocks] == [5, 1, 3]
    assert [block.fields["act"] for block in blocks] == ["silu", "silu", None]
    assert space.count() == 2

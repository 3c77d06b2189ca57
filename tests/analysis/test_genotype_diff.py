"""The difference of two genotypes, row by row."""

from __future__ import annotations

import itertools

import nasbench as nb
from nasbench.analysis.genotype_diff import RowChange


def test_a_network_does_not_differ_from_itself() -> None:
    for name in ("resnet50", "inception_v3", "nasnet_a_mobile", "lenet5"):
        diff = nb.row_diff(nb.known(name), nb.known(name))
        assert diff.changes == ()
        assert diff.text().splitlines() == [f"{name} -> {name}: {diff.same} lines stay"]


def test_a_changed_field_is_one_line() -> None:
    diff = nb.row_diff(nb.known("plain18"), nb.known("resnet18_a"))
    assert diff.changes == tuple(
        RowChange("~", f"stage {i + 1}", f"residual  width {width}, {'stride 2, ' if i else ''}shortcut none -> A, repeat 2")
        for i, width in enumerate((64, 128, 256, 512))
    )
    assert diff.same == 5  # image, two rows of the stem, two of the head


def test_a_field_left_out_is_shown_at_its_default() -> None:
    texts = [c.text for c in nb.row_diff(nb.known("resnet50"), nb.known("resnext50_32x4d")).changes]
    assert texts[0] == "residual  width 256, mid out/4 -> out/2, groups 1 -> 32, repeat 3"
    back = [c.text for c in nb.row_diff(nb.known("resnext50_32x4d"), nb.known("resnet50")).changes]
    assert back[0] == "residual  width 256, mid out/2 -> out/4, repeat 3, groups 32 -> 1"


def test_other_words_are_lines_that_go_and_come() -> None:
    diff = nb.row_diff(nb.known("mobilenet_v1"), nb.known("mobilenet_v2"))
    assert {c.text.split()[0] for c in diff.changes if c.sign == "-"} == {"separable"}
    assert {c.text.split()[0] for c in diff.changes if c.sign == "+"} == {"act", "mbconv", "conv", "dropout"}
    assert not any(c.sign == "~" for c in diff.changes)


def test_size_and_style_belong_to_it() -> None:
    changes = nb.row_diff(nb.known("efficientnet_b0"), nb.known("efficientnet_b1")).changes
    assert changes[0] == RowChange("~", "input", "image  3x224x224 -> 3x240x240")
    assert RowChange("+", "style", "act  relu6") in nb.row_diff(nb.known("mobilenet_v1"), nb.known("mobilenet_v2")).changes


def test_paths_are_lines_of_their_own() -> None:
    def forked(name: str, path: str) -> nb.Genotype:
        paths = f"[[{{op: conv, width: 8}}], [{path}], []]"
        return nb.Genotype.from_yaml(f"name: {name}\nstages: [[{{op: branches, paths: {paths}}}]]\nhead: [{{op: gap}}]\n")

    a, b = forked("a", "{op: conv, width: 4, kernel: [1, 7]}, {op: pool}"), forked("b", "{op: conv, width: 4, kernel: [7, 1]}")
    assert [(c.sign, c.text) for c in nb.row_diff(a, b).changes] == [
        ("-", "  | conv 4 kernel 1x7 > pool"),
        ("+", "  | conv 4 kernel 7x1"),
    ]


def test_text_is_cut_where_asked_and_every_pair_can_be_shown() -> None:
    diff = nb.row_diff(nb.known("inception_v2"), nb.known("inception_v3"))
    lines = diff.text(5).splitlines()
    assert len(lines) == 7
    assert lines[-1] == f"  ... and {len(diff.changes) - 5} more"
    for a, b in itertools.pairwise(nb.known()):
        diff = nb.row_diff(nb.known(a), nb.known(b))
        assert len(str(diff).splitlines()) == 1 + len(diff.changes)

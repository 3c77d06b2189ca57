"""Helpers of the commands: networks by name or file, input sizes, tables."""

from __future__ import annotations

import pytest

from nasbench.cli.shared import at_input, genotype_of, parse_shape, rows_of, show_json, table, winner_of
from nasbench.errors import GenotypeError, NasbenchError, StudyError
from nasbench.zoo import known


def test_a_network_by_name_or_file(tmp_path):
    g = known("lenet5")
    (tmp_path / "mine.yaml").write_text(g.to_yaml())
    assert genotype_of("lenet5") == g == genotype_of(str(tmp_path / "mine.yaml"))
    with pytest.raises(GenotypeError, match=r"did you mean .*lenet5.*, or give a \.yaml file"):
        genotype_of("lenet55")


def test_the_winner_of_a_study(tmp_path):
    with pytest.raises(StudyError, match=r"a study is a directory with study\.yaml"):
        winner_of(tmp_path)
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "genotype.yaml").write_text(known("lenet5").to_yaml())
    assert winner_of(tmp_path) == known("lenet5")
    (tmp_path / "best" / "genotype.yaml").write_text("stages: [[{op: nothing}]]")
    with pytest.raises(GenotypeError, match="nothing"):  # without a study.yaml there are no block types to load
        winner_of(tmp_path)


def test_input_sizes():
    assert parse_shape("3x224x160") == (3, 224, 160)
    for text in ("224", "3x224", "3x224x224x1", "-3x2x2", "3x 2x2", "ax2x2"):
        with pytest.raises(NasbenchError, match="CHANNELSxHEIGHTxWIDTH"):
            parse_shape(text)
    g = known("mobilenet_v2")
    assert at_input(g, None) is g
    assert at_input(g, "3x96x96").input == (3, 96, 96)


def test_the_genotype_without_its_name():
    text = rows_of(known("lenet5"))
    assert "name:" not in text
    assert text.startswith("input:")


def test_columns_of_numbers_are_aligned_to_the_right(capsys):
    table(("name", ">n"), [("a", 1), ("long", 100)])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["name    n", "a       1", "long  100"]


def test_json(capsys):
    show_json({"a": [1]})
    assert capsys.readouterr().out.split() == ["{", '"a":', "[", "1", "]", "}"]

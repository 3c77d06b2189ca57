"""Pictures of studies by name."""

from __future__ import annotations

import pytest
from made_study import make_study, result

from nasbench.analysis.plots.gallery import PICTURES, draw
from nasbench.errors import NasbenchError, StudyError

SEARCH = [result(0.70, 10), result(0.80, 12)]


@pytest.mark.parametrize("what", [w for w in PICTURES if w != "latency"])
def test_every_picture_by_name(study, tmp_path, what):
    out = draw([study.path], what, tmp_path / f"{what}.png", samples=20)
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("what", [w for w in PICTURES if w != "latency"])
def test_every_picture_names_its_study(study, tmp_path, what, monkeypatch):
    titles = []
    monkeypatch.setattr("matplotlib.figure.Figure.suptitle", lambda self, text, **more: titles.append(text))
    draw([study.path], what, tmp_path / f"{what}.png", samples=20)
    (title,) = titles
    assert title.startswith("one: tiny on embedded")
    draw([study.path, make_study(tmp_path / "two", SEARCH)], "front", tmp_path / "two.png")
    assert titles[1] == "fronts of one, two"


def test_a_long_name_is_written_in_lines(tmp_path):
    path = make_study(tmp_path / "-".join(["mbconv"] * 14), SEARCH)
    svg = draw([path], "front", tmp_path / "a.svg").read_text()
    assert "<!-- on embedded -->" in svg
    assert "mbconv: tiny -->" in svg


def test_several_studies(study, tmp_path):
    other = make_study(tmp_path / "two", SEARCH)
    assert draw([study.path, other], "front", tmp_path / "two.svg").read_text().startswith("<?xml")
    with pytest.raises(NasbenchError, match="only the picture front"):
        draw([study.path, other], "time", tmp_path / "two.png")


@pytest.mark.parametrize(("what", "out", "part"), [("fronts ", "a.png", "did you mean fronts"), ("front", "a.gifx", "png")])
def test_mistakes(study, tmp_path, what, out, part):
    with pytest.raises(NasbenchError, match=part):
        draw([study.path], what, tmp_path / out)


def test_nothing_to_show_yet(study, tmp_path):
    with pytest.raises(StudyError, match="none yet"):
        draw([make_study(tmp_path / "one")], "front", tmp_path / "a.png")
    with pytest.raises(StudyError, match="measurements"):
        draw([study.path], "latency", tmp_path / "a.png")

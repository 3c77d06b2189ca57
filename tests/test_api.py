"""The commands as Python functions: the same names, results and errors."""

from __future__ import annotations

import inspect

import pytest
from paper_search import profile, write_table

import nasbench as nb
from nasbench.cli.main import program
from nasbench.errors import DeviceError, NasbenchError, SpaceError, UnitError
from nasbench.latency import Predictor, save_profile


@pytest.fixture
def paper(tmp_path, monkeypatch):
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    save_profile(profile(), tmp_path / "paper.json")
    write_table(tmp_path / "tiny.json")
    return tmp_path


def test_a_search_gives_a_study(paper, capsys):
    options = {"latency": "0.8ms", "device": "paper.json", "evaluator": "table", "table": "tiny.json", "trials": 6, "jobs": 2}
    study = nb.search("tiny", **options, progress=False)
    assert study.path.name == "tiny-0.8ms-paper-table"
    assert study.best() is not None
    assert (study.path / "front.png").exists()
    assert capsys.readouterr() == ("", "")
    before = len(study.records())
    assert len(nb.search("tiny", **options, progress=False).records()) == before, "the same call resumes the study"


def test_the_package_and_the_function_share_a_name():
    """`import nasbench.search...` puts the package where the function was; it can be called all the same."""
    import nasbench.search.config

    assert callable(nb.search)
    assert nasbench.search.config.SearchConfig.__name__ == "SearchConfig"
    assert "latency" in inspect.signature(nb.search).parameters
    with pytest.raises(SpaceError, match="there is no space 'tinny'"):
        nb.search("tinny", latency="1ms")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"latency": "20"}, UnitError, "20"),
        ({"latency": "20ms", "evaluator": "trian"}, NasbenchError, "did you mean train"),
        ({"latency": "20ms", "strategy": "evolutoin"}, NasbenchError, "did you mean evolution"),
        ({"latency": "20ms", "strategy": "evolution", "option": {"populaton": 3}}, NasbenchError, "did you mean population"),
        ({"latency": "20ms", "device": "gone.json"}, DeviceError, "gone.json"),
        ({}, NasbenchError, "the hard reward needs a limit"),
    ],
)
def test_errors_are_those_of_the_command(paper, options, kind, message):
    with pytest.raises(kind, match=message):
        nb.search("tiny", progress=False, **options)
    assert not list(paper.glob("runs/*"))


def test_every_option_of_the_command_can_be_given():
    """By its own name; those of the output (`--json`) and files are the command's alone."""
    from nasbench.search.options import search_config

    command = program().commands["search"]
    names = {p.name for p in command.params} - {"as_json", "file", "plugin", "help"}
    known = set(inspect.signature(nb.search).parameters) | set(inspect.signature(search_config).parameters)
    assert names - known == set()


def test_a_prediction_is_the_profiles(paper):
    g = nb.space("tiny").sample(3)
    found = nb.predict_latency(g, device="paper.json")
    assert found == Predictor(profile()).predict(g) or abs(found.ms / Predictor(profile()).predict(g).ms - 1) < 1e-3
    several = nb.predict_latency({"a": g, "b": nb.space("tiny").sample(4)}, device="paper.json")
    assert list(several) == ["a", "b"]
    assert several["a"] == found


def test_a_device_that_was_never_profiled(paper):
    with pytest.raises(DeviceError, match=r"a prediction needs a profile .* has none; make one with: nasbench device profile"):
        nb.predict_latency(nb.known("mobilenet_v2"))


def test_measuring_needs_the_device_itself(paper):
    with pytest.raises(DeviceError, match=r"a latency is measured on its own device; Paper.* is not this machine; use predict_latency"):
        nb.measure(nb.known("mobilenet_v2"), device="paper.json")


def test_networks_of_one_name_need_a_mapping(paper):
    g = nb.space("tiny").sample(3)
    with pytest.raises(DeviceError, match="two are called tiny; give a mapping of names"):
        nb.predict_latency([g, g], device="paper.json")


@pytest.mark.alone
def test_a_network_is_measured(paper):
    found = nb.measure(nb.space("tiny").sample(0), max_seconds=5.0)
    assert 0 < found.low_ms <= found.median_ms <= found.high_ms

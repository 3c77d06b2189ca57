"""A file of options in place of options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from nasbench.cli.options import DeviceOptions, expanded
from nasbench.cli.recipes import RecipeFile
from nasbench.cli.search_options import SearchOptions
from nasbench.errors import NasbenchError

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture
def read(tmp_path):
    """What a command with the options of `search` is given."""
    found = {}
    app = typer.Typer()

    @app.command()
    @expanded
    def search(asked: SearchOptions, device: DeviceOptions, file: RecipeFile = None, name: str = "", as_json: bool = False) -> None:
        found.update(asked=asked, device=device, name=name)

    @app.command()
    def other() -> None:
        pass

    def run(text: str, *words: str):
        (tmp_path / "recipe.yaml").write_text(text)
        typer.main.get_command(app)(["search", str(tmp_path / "recipe.yaml"), *words], standalone_mode=False)
        return found

    return run


def test_values_are_read_as_on_the_command_line(read):
    found = read("space: tiny\nlatency: 20ms\ntrials: 7\nknown: [mobilenet_v2, mnasnet_a1]\ndata-root: /data\nthreads: 2\nname: mine\n")
    asked = found["asked"]
    assert (asked.space, asked.latency, asked.trials, asked.data_root) == ("tiny", "20ms", 7, "/data")
    assert asked.known == "mobilenet_v2,mnasnet_a1"
    assert found["device"].threads == 2
    assert found["name"] == "mine"
    assert asked.seed == 0  # what the file does not say is as without it
    assert asked == SearchOptions("tiny", latency="20ms", trials=7, known="mobilenet_v2,mnasnet_a1", data_root="/data")


def test_the_command_line_wins(read):
    found = read("space: tiny\nlatency: 20ms\nseed: 4\n", "--latency", "10ms", "--threads", "1")
    assert (found["asked"].latency, found["asked"].seed, found["device"].threads) == ("10ms", 4, 1)


def test_null_is_not_given(read):
    assert read("latency: null\nmacs: 300M\n")["asked"].latency is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("latncy: 20ms", ("'latncy'", "did you mean latency")),
        ("as_json: true", ("'as_json'",)),
        ("file: other.yaml", ("'file'",)),
        ("plugin: evil.py", ("'plugin'",)),  # code is named on the command line
        ("- space", ("mapping", "list")),
        ("space: {a: 1}", ("space", "word")),
        ("space: tiny\nspace: mbconv", ("twice",)),
        ("space: !!python/object:os.system x", ("tag",)),
    ],
)
def test_mistakes_are_named(read, text, parts):
    with pytest.raises(NasbenchError) as caught:
        read(text)
    for part in parts:
        assert part in str(caught.value)


def test_a_value_of_another_kind_is_refused(read):
    with pytest.raises(typer.BadParameter) as caught:
        read("trials: many")
    assert "'--trials'" in caught.value.format_message()


def test_without_a_file_nothing_changes(call):
    ran = call("plan", "--space", "nowhere")
    assert ran.returncode == 2
    assert "nowhere" in ran.stderr


@pytest.mark.parametrize("words", [("search", "no.yaml"), ("plan", "mbconv")])
def test_a_word_that_is_no_file(call, words):
    ran = call(*words)
    assert ran.returncode == 2
    assert "recipe" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_plan_of_a_recipe(call, nasbench):
    """It is one plan, whether its options stand in a file or on the command line."""
    (nasbench.folder / "one.yaml").write_text("space: tiny\nlatncy: 1s\n")
    ran = call("plan", "one.yaml")
    assert ran.returncode == 2
    assert "did you mean latency" in ran.stderr


def test_there_are_recipes():
    assert len(list(STUDIES.glob("pareto_*.yaml"))) == 3


@pytest.mark.parametrize("path", sorted(STUDIES.glob("pareto_*.yaml")), ids=lambda p: p.stem)
def test_the_recipes_of_the_studies_remake_them(read, path):
    """Each asks for the very study that is kept under its name."""
    import yaml

    from nasbench.search.request import Request

    found = read(path.read_text())
    command = yaml.safe_load((STUDIES / "data" / found["name"] / "study.yaml").read_text())["command"]
    asked, kept = found["asked"].request(found["device"]), Request.from_command(command)
    assert asked.limits == kept.limits
    different = {f for f in asked.__dataclass_fields__ if getattr(asked, f) != getattr(kept, f)}
    assert different <= {"workers", "time_s"}, json.dumps(sorted(different))

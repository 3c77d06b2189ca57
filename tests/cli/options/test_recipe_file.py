"""A file of options in place of options."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nasbench.cli import search as commands
from nasbench.search.config import SearchConfig

STUDIES = Path(__file__).parents[3] / "studies"


@pytest.fixture
def read(call, nasbench, monkeypatch):
    """The request that `nasbench search recipe.yaml ...` makes, and where its study would be; or how it ended."""
    requests = []
    monkeypatch.setattr(commands, "_search", lambda request, path, as_json: requests.append((request, path)))

    def run(text: str, *words: str):
        (nasbench.folder / "recipe.yaml").write_text(text)
        ran = call("search", "recipe.yaml", *words)
        return requests[-1] if ran.returncode == 0 else ran

    return run


def test_values_are_read_as_on_the_command_line(read, call):
    text = (
        "space: tiny\nlatency: 20ms\ntrials: 7\nknown: [mobilenet_v2, mnasnet_a1]\ndata-root: /data\nthreads: 1\nname: mine\nruns: there\n"
    )
    request, path = read(text)
    assert (request.space, request.limits.latency_ms, request.trials, request.data_root) == ("tiny", 20.0, 7, "/data")
    assert request.known == ("mobilenet_v2", "mnasnet_a1")
    assert request.device.threads == 1
    assert path == Path("there/mine")
    assert request.seed == 0  # what the file does not say is as without it
    words = ["--space", "tiny", "--latency", "20ms", "--trials", "7", "--known", "mobilenet_v2,mnasnet_a1", "--data-root", "/data"]
    assert read("threads: 1", *words)[0] == request


def test_the_command_line_wins(read):
    request, _ = read("space: tiny\nlatency: 20ms\nseed: 4\n", "--latency", "10ms", "--threads", "1")
    assert (request.limits.latency_ms, request.seed, request.device.threads) == (10.0, 4, 1)


def test_null_is_not_given(read):
    assert read("latency: null\nmacs: 300M\n")[0].limits.latency_ms is None


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
    ran = read(text)
    assert ran.returncode == 2
    for part in (*parts, "recipe.yaml"):
        assert part in ran.stderr, part
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(("text", "part"), [("trials: many", "'--trials'"), ("latency: 20", "without a unit"), ("seed: true", "'--seed'")])
def test_a_value_of_another_kind_is_refused_as_on_the_command_line(read, text, part):
    ran = read(text)
    assert ran.returncode == 2
    assert part in ran.stderr


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


def test_plan_reads_the_recipes_of_search(call, nasbench):
    """What only says where a study lies is passed over; a mistake is named."""
    recipe = nasbench.folder / "one.yaml"
    recipe.write_text("space: nowhere\nlatency: 1s\nname: one\nruns: there\n")
    assert "nowhere" in call("plan", "one.yaml").stderr
    recipe.write_text("space: tiny\nlatncy: 1s\nname: one\n")
    ran = call("plan", "one.yaml")
    assert ran.returncode == 2
    assert "did you mean latency" in ran.stderr


def test_there_are_recipes():
    assert len(list(STUDIES.glob("pareto_*.yaml"))) == 3


@pytest.mark.parametrize("path", sorted(STUDIES.glob("pareto_*.yaml")), ids=lambda p: p.stem)
def test_the_recipes_of_the_studies_remake_them(read, path):
    """Each asks for the very study that is kept under its name."""
    request, place = read(path.read_text())
    request = request.fitted_to(8000)  # the images to train on
    kept = SearchConfig.from_command(yaml.safe_load((STUDIES / "data" / place.name / "study.yaml").read_text())["command"])
    different = {f for f in SearchConfig.__dataclass_fields__ if getattr(request, f) != getattr(kept, f)}
    assert different <= {"workers", "measure"}  # this machine's cores; what earlier versions always measured
    assert request.wants_latency

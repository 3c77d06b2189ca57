"""What the pages of docs/ say in Python is true."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from paper_search import Stopwatch, problem, run
from PIL import Image
from references import error, images, scramble
from torch.fx.experimental.optimization import fuse

import nasbench as nb
from nasbench.cli.main import program
from nasbench.cli.show import TOPICS
from nasbench.errors import GenotypeError
from nasbench.evaluate import EvaluationContext, make_evaluator
from nasbench.evaluate.table import read_table
from nasbench.genotype import BLOCK_TYPES, Tracer
from nasbench.latency import local_device, measure
from nasbench.latency.runtimes import RUNTIMES, Runtime
from nasbench.latency.runtimes.torch_network import torch_network
from nasbench.network.verify import verify_cost
from nasbench.plugins import load_plugin
from nasbench.search.limits import Limits
from nasbench.spaces import load_space, read_space
from nasbench.strategies import STRATEGIES
from nasbench.training.folders import names
from nasbench.training.preprocess import Preprocess, save_preprocess
from nasbench.training.recipe import Recipe

DOCS = Path(__file__).parent.parent / "docs"


def blocks(language: str) -> list[str]:
    """The fenced blocks of docs/new_block.md in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / "new_block.md").read_text(), re.DOTALL)


@pytest.fixture
def page(capsys: pytest.CaptureFixture[str]):
    """The names that the Python of docs/new_block.md leaves, and what it prints; its word goes again afterwards."""
    code = "\n".join(blocks("python"))
    names: dict[str, Any] = {"__name__": "page"}
    exec(compile(code, "docs/new_block.md", "exec", dont_inherit=True), names)
    yield names, capsys.readouterr().out
    BLOCK_TYPES.pop("ghost_bottleneck")


def test_the_new_block_is_as_short_as_the_page_says() -> None:
    code = blocks("python")[0]
    functions = [line for line in code[code.index("def ghost(") :].splitlines() if line.strip()]
    assert len(functions) < 20
    assert f"two functions are {len(functions)} lines" in (DOCS / "new_block.md").read_text()


def test_every_method_of_the_tracer_is_listed_with_its_signature() -> None:
    """A method that is added, or an argument that changes, is seen here."""
    listed = re.findall(r"^\| `(\w+)(\(.*?\))` \|", (DOCS / "new_block.md").read_text(), re.MULTILINE)
    methods = {name: getattr(Tracer, name) for name in dir(Tracer) if not name.startswith("_")}
    signatures = {}
    for name, method in methods.items():
        parameters = list(inspect.signature(method).parameters.values())[1:]
        signatures[name] = str(inspect.Signature([p.replace(annotation=p.empty) for p in parameters]))
    assert dict(listed) == signatures


def test_the_new_block_is_timms(page) -> None:
    names, printed = page
    assert printed.strip() == "5182508"
    assert printed.strip() in (DOCS / "new_block.md").read_text()
    theirs = timm.create_model("ghostnet_100", pretrained=False).eval()
    scramble(theirs)
    assert sum(p.numel() for p in theirs.parameters()) == nb.cost(names["ghostnet"]).params
    assert error(nb.trace(names["ghostnet"]), theirs, images(names["ghostnet"]), theirs) <= 1e-6


def test_the_new_block_reads_back_trains_and_refuses(page) -> None:
    names, _ = page
    g = nb.adapt(names["ghostnet"], (3, 64, 64), 10)
    assert nb.Genotype.from_yaml(g.to_yaml()) == g
    net = nb.build(g)
    torch.nn.functional.cross_entropy(net(images(g)), torch.arange(2)).backward()
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(GenotypeError, match=r"ghost_bottleneck.*widht.*did you mean width"):
        names["ghost_bottleneck"](widht=24, expand=48)


README = (DOCS.parent / "README.md").read_text()
GENOTYPE = (DOCS / "genotype.md").read_text()


@pytest.mark.parametrize("name", TOPICS)
def test_the_page_of_genotypes_has_the_tables_of_show(name: str) -> None:
    topic = TOPICS[name]
    head = f"| {' | '.join(topic.columns)} |\n"
    lines = GENOTYPE.partition(head)[2].partition("\n\n")[0].splitlines()[1:]
    assert [line.strip("| ").split(" | ") for line in lines] == [[f"`{row[0]}`", *filter(None, row[1:])] for row in topic.rows()]


def test_the_network_of_the_page_is_one() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", GENOTYPE, re.DOTALL)
    g = nb.Genotype.from_yaml(text)
    assert nb.trace(g)[-1].shape == (10, 1, 1)
    assert g.style.written() == {"act": "silu", "divisor": 8}


SPACES = (DOCS / "new_space.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", SPACES, re.DOTALL), ids=lambda text: text.split()[1])
def test_the_spaces_of_the_page_hold_as_many_networks_as_it_says(text: str) -> None:
    said = int(re.search(r"# ([\d,]+) networks", text)[1].replace(",", ""))
    space = read_space(text)
    assert space.count() == said
    for seed in range(20):
        g = space.sample(seed)
        assert nb.cost(g).macs > 0
        assert g in space


def test_the_python_of_the_spaces_page_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", SPACES, re.DOTALL)
    exec(compile(code, "docs/new_space.md", "exec", dont_inherit=True), {})


@pytest.mark.slow
def test_the_pages_count_the_shared_space_right() -> None:
    inside = sum(nb.known(name) in load_space("shared") for name in nb.known())
    assert f"{inside} known networks are points of it" in SPACES
    assert f"the {inside} known networks for images of 224 to 331 pixels" in README


RUNTIME = (DOCS / "new_runtime.md").read_text()
FOLDED, INFERENCE_MODE = re.findall(r"```python\n(.*?)```", RUNTIME, re.DOTALL)


@pytest.fixture
def torch_settings() -> Iterator[None]:
    """A runtime of torch changes settings of its process; here that process also runs other tests."""
    threads = torch.get_num_threads()
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("torch_settings")
@pytest.mark.parametrize("code", [FOLDED, INFERENCE_MODE], ids=["folded", "inference_mode"])
def test_the_runtimes_of_the_page_measure_a_network(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_CACHE", str(tmp_path))
    (tmp_path / "my_runtime.py").write_text(code)
    (name,) = nb.load_plugin(tmp_path / "my_runtime.py").registered
    g = nb.adapt(nb.known("mobilenet_v3_small"), (3, 32, 32), 10)
    device = local_device(1, runtime=name)
    loaded = RUNTIMES[name].load(g, device)
    assert (loaded.record is not None) == RUNTIMES[name].layers
    if loaded.record:
        recorder = loaded.record()
        recorder.run()
        (times,) = recorder.finish()
        assert len(times) == len(nb.trace(g)) == len(recorder.calls)
        assert sum(times) > 0
    assert measure({"small": g}, device, min_rounds=1, max_seconds=1)["small"].median_ms > 0


@pytest.mark.usefixtures("torch_settings")
def test_the_folded_runtime_computes_the_same_without_norms() -> None:
    """What the page says about it: each norm is folded into the convolution before it."""
    g = nb.adapt(nb.known("mobilenet_v3_small"), (3, 32, 32), 10)
    network = torch_network(g, local_device(1))
    folded = fuse(network.net)
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in network.net.modules()) > 0
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    with torch.no_grad():
        assert torch.allclose(folded(network.image), network.net(network.image), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("line", re.findall(r"^nasbench (.+)$", RUNTIME, re.MULTILINE))
def test_the_commands_of_the_runtime_page_can_be_given(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_runtime.py").write_text(FOLDED)
    words = shlex.split(line)
    command = program()
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("nasbench", words)
    assert ("folded" in RUNTIMES) == ("--plugin" in line)


def test_the_page_has_every_option_of_a_runtime() -> None:
    options = re.findall(r"^\| `(\w+)` \|", RUNTIME, re.MULTILINE)
    assert options == [field.name for field in fields(Runtime) if field.name != "load"]


@pytest.mark.parametrize(
    ("page", "plugin", "registered"),
    [
        ("evaluators", "my_evaluators.py", ("by_size", "by-depth")),
        ("new_strategy", "my_strategies.py", ("copy_the_best", "independent_tpe")),
    ],
)
def test_the_plugin_of_a_page_searches(tmp_path: Path, page: str, plugin: str, registered: tuple[str, ...]) -> None:
    """It is what the page says, and a whole search runs on each thing that it registers."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL)
    (tmp_path / plugin).write_text(code)
    loaded = load_plugin(tmp_path / plugin)
    assert sorted(loaded.registered) == sorted(registered)
    for name in registered:
        more: dict[str, Any] = {"strategy": name} if page == "new_strategy" else {}
        made = problem(Stopwatch(), trials=6, limits=Limits(latency_ms=2.0), **more)
        if page == "evaluators":
            made = replace(made, evaluator=make_evaluator(name, EvaluationContext(plugins=(loaded,)), {}))
        outcome = run(tmp_path / name, made)
        assert outcome.winner is not None
        assert len(outcome.results) > 2


def test_the_table_of_the_page_is_read(tmp_path: Path) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", (DOCS / "evaluators.md").read_text(), re.DOTALL)
    (tmp_path / "table.json").write_text(text)
    table = read_table(str(tmp_path / "table.json"))
    assert (table.name, table.key, table.metric, table.scale, table.seconds()) == ("my benchmark", "options", "test_acc", 100.0, 812.5)


def test_the_options_of_strategies_are_those_of_the_page() -> None:
    page = (DOCS / "new_strategy.md").read_text().partition("## When each is worth it")[0]
    for name in STRATEGIES:
        (row,) = re.findall(rf"^\| `{name}` \| (.*?) \|", page, re.MULTILINE)
        defaults = {p.name: p.default for p in inspect.signature(STRATEGIES[name]).parameters.values() if p.name != "seed"}
        assert dict(re.findall(r"`(\w+)` \(([\w.]+)\)", row)) == {option: str(value) for option, value in defaults.items()}


IMAGES = (DOCS / "data.md").read_text()


def test_every_field_of_the_recipe_is_described_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", IMAGES[IMAGES.index("## The recipe") :], re.MULTILINE))
    assert rows == {f.name: json.dumps(f.default).strip('"') for f in fields(Recipe)}


def test_every_name_of_a_split_is_described() -> None:
    for role, words in names.WORDS.items():
        row = next(line for line in IMAGES.splitlines() if line.startswith(f"| {role.replace('train', 'training')} |"))
        assert tuple(re.findall(r"`(\w+)`", row.split("|")[2])) == words


def test_the_python_about_images_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best").mkdir()
    save_preprocess(Preprocess(input=(3, 8, 8), mean=(0.5,) * 3, std=(0.2,) * 3, classes=("cat", "dog")), "best/preprocess.json")
    for name in ("cat.jpg", "dog.png"):
        Image.new("RGB", (20, 20)).save(name)
    (code,) = re.findall(r"```python\n(.*?)```", IMAGES, re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(code, "docs/data.md", "exec", dont_inherit=True), found)
    assert found["inputs"].shape == (2, 3, 8, 8)
    assert capsys.readouterr().out == "('cat', 'dog')\n"


def test_the_page_on_counting_says_what_is_counted() -> None:
    """ResNet-50's numbers on the page, and what fvcore adds to ours."""
    page = (DOCS / "counting.md").read_text()
    macs = nb.cost("resnet50").macs
    assert f"{macs:,} MACs, and {2 * macs:,}" in page.replace("\n", " ")
    checked = verify_cost(nb.adapt("resnet18", input=(3, 64, 64)))
    norms = sum(x.elements for x in nb.trace(nb.adapt("resnet18", input=(3, 64, 64))) if x.kind == "norm")
    assert checked.equal
    assert checked.also["batch_norm"] == 2 * norms

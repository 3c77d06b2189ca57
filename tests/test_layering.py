"""Each folder imports only from those above it, and the core loads neither torch nor a search library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nasbench

PACKAGE = Path(nasbench.__file__).parent
ORDER = (
    "_renamed", "errors", "files", "registry", "notebook", "plugins", "processes", "pareto",
    "genotype", "drawing", "scaling", "zoo", "spaces", "network", "latency", "training", "supernet", "export", "evaluate",
    "strategies", "study", "engines", "search", "bench", "scaling_fit", "progress", "analysis", "api", "cli",
)  # fmt: skip
TORCH_FREE = ORDER[: ORDER.index("network")]
HEAVY = ("torch", "torchvision", "optuna", "ray", "fvcore", "pandas", "numpy")


def folder_of(module: str) -> str:
    """The concept a module belongs to: `nasbench.genotype.blocks.layers` is `genotype`, `nasbench` itself is empty."""
    return [*module.split("."), ""][1]


def imported(source: str, module: str, is_package: bool = False) -> list[str]:
    """Every module that `source` imports anywhere, also inside functions; `from nasbench import x` counts as nasbench.x."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                home = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join(home + ([base] if base else []))
            found += [f"nasbench.{alias.name}" for alias in node.names] if base == "nasbench" else [base]
    return found


def offences(source: str, module: str, is_package: bool = False) -> list[str]:
    """What is wrong with the imports of a module."""
    own = folder_of(module)
    if own not in ORDER:
        return [f"{module}: the folder {own!r} has no place in the order {ORDER}"]
    found = []
    for name in imported(source, module, is_package):
        other = folder_of(name) if name.split(".")[0] == "nasbench" else None
        if other and other != "__version__" and (other not in ORDER or ORDER.index(other) > ORDER.index(own)):
            found.append(f"{module} imports {name}, which is below it")
        if own in TORCH_FREE and name.split(".")[0] in HEAVY:
            found.append(f"{module} imports {name}; {own} works without it")
    return found


def modules() -> list[tuple[Path, str, bool]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("nasbench", *path.relative_to(PACKAGE).with_suffix("").parts)
        package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if package else parts)
        if name not in ("nasbench", "nasbench.__main__"):  # the top reaches every folder, by name and only when asked
            found.append((path, name, package))
    return found


def test_every_module_imports_only_from_folders_above_its_own() -> None:
    checked = modules()
    assert {"nasbench.genotype.tracer", "nasbench.network.build", "nasbench.cli"} <= {name for _, name, _ in checked}
    assert [o for path, name, package in checked for o in offences(path.read_text(), name, package)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nasbench.genotype.bad", "from nasbench.zoo import known"),
        ("nasbench.genotype.bad", "import nasbench.spaces.space as s"),
        ("nasbench.genotype.bad", "from nasbench import known, spaces"),
        ("nasbench.genotype.bad", "from ..spaces import Space"),  # a relative path
        ("nasbench.zoo.bad", "def late():\n    from nasbench.network import build"),  # inside a function
        ("nasbench.spaces.bad", "import torch"),
        ("nasbench.pareto", "from torch import nn"),
        ("nasbench.search.bad", "from nasbench.cli.main import app"),
        ("nasbench.utils.bad", "x = 1"),  # a folder without a place
        ("nasbench.errors", "from nasbench.files import write_atomic"),
    ],
)
def test_an_offending_module_is_caught(module: str, source: str) -> None:
    assert len(offences(source, module)) >= 1


def circles(sources: dict[str, tuple[str, bool]]) -> list[set[str]]:
    """The circles among modules that import each other, given as module -> (source, whether it is a package)."""
    reads = {
        module: {file_of(name, sources) for name in names_in(source, module, package)} for module, (source, package) in sources.items()
    }
    reached = {module: reads[module] - {"", module} for module in sources}
    growing = True
    while growing:  # until everything that a module reaches is known
        growing = False
        for module, others in reached.items():
            more = others.union(*(reached[other] for other in others))
            growing |= more != others
            reached[module] = more
    found = {frozenset(other for other in others if module in reached[other]) for module, others in reached.items() if module in others}
    return [set(members) for members in sorted(found, key=sorted)]


def names_in(source: str, module: str, package: bool) -> list[str]:
    """Every module, or name in a module, that `source` imports; `from a import b` counts as a.b."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            home = module.split(".")[: len(module.split(".")) - node.level + package] if node.level else []
            base = ".".join(home + ([node.module] if node.module else []))
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


def file_of(name: str, sources: dict[str, tuple[str, bool]]) -> str:
    """The module that holds a name, or is that name; empty outside the package."""
    while name and name not in sources:
        name = name.rpartition(".")[0]
    return name


# Circles of files that are still to be opened. Nothing may be added here.
def test_no_two_files_import_each_other() -> None:
    sources = {name: (path.read_text(), package) for path, name, package in modules()}
    assert circles(sources) == []


def test_a_circle_of_files_is_caught() -> None:
    made = {
        "nasbench.a.one": ("from nasbench.a import two", False),
        "nasbench.a.two": ("from nasbench.a.three import value", False),
        "nasbench.a.three": ("def late():\n    from .one import other", False),  # inside a function, by a relative path
        "nasbench.a.four": ("import nasbench.a.one, json", False),  # it reads the circle and is not part of it
        "nasbench.a": ("from .four import x", True),
    }
    assert circles(made) == [{"nasbench.a.one", "nasbench.a.two", "nasbench.a.three"}]
    made["nasbench.a.three"] = ("from json import loads", False)
    assert circles(made) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("nasbench.spaces.good", "from nasbench.genotype import Block"),
        ("nasbench.genotype.good", "from . import tracer\nfrom .fields import Width\nimport nasbench.errors"),
        ("nasbench.network.good", "import torch\nfrom nasbench import genotype"),
    ],
)
def test_a_lawful_module_passes(module: str, source: str) -> None:
    assert offences(source, module) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import nasbench",
        "import nasbench.genotype, nasbench.zoo, nasbench.spaces, nasbench.pareto",
        "import nasbench as nb; g = nb.space('mbconv').sample(0); nb.cost(g); nb.digest(nb.known('resnet50')); g.to_yaml()",
        "import nasbench.cli.main",  # `nasbench --help` is quick
    ],
)
def test_the_core_loads_no_heavy_library(statement: str) -> None:
    """In a fresh interpreter; the second is the control, that the check sees a library which is there."""
    check = f"; import sys; print([m for m in {HEAVY[:4]} if m in sys.modules])"
    for extra, expected in (("", "[]"), ("; import optuna", "['optuna']")):
        run = subprocess.run([sys.executable, "-c", statement + extra + check], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == expected


@pytest.mark.parametrize("name", ["local", "ray"])
def test_ray_is_loaded_only_when_a_trial_needs_it(name: str) -> None:
    """Not by a search with the other engine, and not by the choice of it."""
    code = f"""
import sys, nasbench.search.run
from nasbench.engines.config import EngineConfig
from nasbench.engines.open import open_engine
from nasbench.evaluate.base import EvaluationContext, Evaluator
from nasbench.search.limits import Limits
from nasbench.search.config import SearchConfig
class Stub(Evaluator):
    pass
config = SearchConfig(space="tiny", limits=Limits(macs=1), engine=EngineConfig(name="{name}"))
with open_engine(config.engine, 1, Stub(), print) as engine:
    print("ray" in sys.modules, engine.free)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False 1"


def test_names_at_the_top_are_the_public_ones() -> None:
    missing = [name for name in nasbench.__all__ if not hasattr(nasbench, name)]
    assert missing == []
    assert set(nasbench.__all__) <= set(dir(nasbench))
    with pytest.raises(AttributeError, match="nasbench has no 'knwon'"):
        nasbench.knwon  # noqa: B018

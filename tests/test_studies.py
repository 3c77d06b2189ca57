"""Every notebook of studies/ runs to its end and shows what it says it shows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import nasbench as nb

FOLDER = Path(__file__).parent.parent / "studies"
STUDIES = sorted(FOLDER.glob("*.ipynb"))
PARETO = FOLDER / "02_pareto_mbconv.ipynb"


def execute(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """The kinds of output that it makes."""
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [kind for output in outputs for kind in output.get("data", {})]


@cache
def executed(path: Path) -> tuple[str, ...]:
    """Each notebook runs once, whatever is asked of it."""
    return tuple(execute(nbformat.read(path, as_version=4), path.parent))


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_notebook_runs_and_draws(path):
    assert "image/png" in executed(path)


def test_a_broken_notebook_fails(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import nasbench as nb\nnb.known('resnet5')")])
    with pytest.raises(CellExecutionError, match="resnet50"):
        execute(notebook, tmp_path)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_every_picture_of_the_pareto_notebook_is_drawn_and_kept():
    cells = code_cells(PARETO)
    drawing = [cell for cell in cells if re.search(r"^ *plot_\w+\(", cell.source, re.MULTILINE)]
    kept = [kind for cell in cells for output in cell.outputs for kind in output.get("data", {})]
    assert executed(PARETO).count("image/png") == kept.count("image/png") == len(drawing) == 8


def test_three_fronts_in_under_ten_lines_from_install():
    first = code_cells(PARETO)[0]
    lines = [line for line in first.source.splitlines() if line.strip()]
    assert lines[0].startswith("# pip install")
    assert len(lines) < 10
    assert first.source.count('"data/') == 3


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ("data/mbconv-10ms", "data/mbconv-11ms", r"study\.yaml"),  # a study that is not there
        ("plot_fronts(fronts", "(fronts", None),  # a picture that is not drawn
    ],
)
def test_a_broken_copy_of_the_pareto_notebook_fails(before, after, error):
    """The controls: both tests above can fail."""
    first = code_cells(PARETO)[0]
    assert before in first.source
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(first.source.replace(before, after))])
    if error:
        with pytest.raises(CellExecutionError, match=error):
            execute(broken, FOLDER)
    else:
        assert "image/png" not in execute(broken, FOLDER)


@pytest.mark.parametrize("path", sorted((FOLDER / "data").glob("mbconv-*")), ids=lambda p: p.name)
def test_kept_studies_are_small_finished_and_whole(path):
    study = nb.open_study(path)
    assert sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) < 1_000_000
    assert sum(row["winner"] for row in study.summary()) == 1
    assert len(study.front()) >= 2
    assert study.about["git"]
    assert not study.about["git"].endswith("+")  # made by a state that is in the history
    assert {nb.digest(nb.Genotype.from_yaml(t.genotype)) == t.digest for t in study.records()} == {True}


def test_there_are_studies():
    assert STUDIES


@pytest.mark.parametrize(("name", "pictures", "tables"), [("01_field_guide", 4, 20), ("02_pareto_mbconv", 8, 4), ("03_scaling", 2, 5)])
def test_notebooks_are_kept_with_their_outputs(name, pictures, tables):
    """So that they can be read without running them; nothing in them tells of the machine's folders."""
    cells = code_cells(FOLDER / f"{name}.ipynb")
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [kind for cell in cells for output in cell.outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == pictures
    assert kinds.count("text/html") >= tables
    text = "".join(str(v) for c in cells for o in c.outputs for k, v in [*o.items(), *o.get("data", {}).items()] if k.startswith("text"))
    assert not [word for word in ("/home", "/root", "/tmp", "/work", "Traceback", " at 0x") if word in text]

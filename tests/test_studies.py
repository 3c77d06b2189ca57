"""Every notebook of studies/ runs to its end and shows what it says it shows."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

STUDIES = sorted((Path(__file__).parent.parent / "studies").glob("*.ipynb"))


def execute(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """The kinds of output that it makes."""
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [kind for output in outputs for kind in output.get("data", {})]


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_notebook_runs_and_draws(path):
    assert "image/png" in execute(nbformat.read(path, as_version=4), path.parent)


def test_a_broken_notebook_fails(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import nasbench as nb\nnb.known('resnet5')")])
    with pytest.raises(CellExecutionError, match="resnet50"):
        execute(notebook, tmp_path)


def test_there_are_studies():
    assert STUDIES


def test_the_field_guide_is_kept_with_its_outputs():
    """So that it can be read without running it; nothing in it tells of the machine that ran it."""
    path = Path(__file__).parent.parent / "studies" / "01_field_guide.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [kind for cell in cells for output in cell.outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 4
    assert kinds.count("text/html") >= 20
    text = "".join(str(v) for c in cells for o in c.outputs for k, v in [*o.items(), *o.get("data", {}).items()] if k.startswith("text"))
    assert not [word for word in ("/home", "/root", "/tmp", "/work", "Traceback", " at 0x") if word in text]

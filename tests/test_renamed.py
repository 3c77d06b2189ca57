"""Old module paths still work, with a DeprecationWarning that names the new one."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import import_module, util

import pytest

from nasbench._renamed import RENAMED

# What documentation and notebooks imported from each old path.
NAMES = {
    "nasbench.analysis.agreement": ("agreement_frame", "plot_agreement"),
    "nasbench.analysis.compare_plots": ("fronts_picture", "plot_fronts"),
    "nasbench.analysis.distribution": ("space_frame", "edf", "plot_space"),
    "nasbench.analysis.front": ("best_within", "pareto_front"),
    "nasbench.analysis.front_rows": ("front_genotypes", "rows_frame", "plot_rows"),
    "nasbench.analysis.hypervolume": ("usable",),
    "nasbench.analysis.network_plots": (
        "history", "networks_picture", "plot_history", "plot_networks", "plot_receptive", "plot_shares", "stage_shares",
    ),
    "nasbench.analysis.plots": ("front_picture", "plot_front"),
    "nasbench.analysis.progress": ("progress_frame", "plot_progress", "fronts_over_time", "plot_front_over_time"),
    "nasbench.analysis.relations": ("relation", "plot_relation"),
    "nasbench.analysis.scaling_plots": ("curves_picture", "plot_curves", "plot_triangle", "triangle_picture"),
    "nasbench.analysis.steps": ("step_frame", "steps_frame"),
    "nasbench.analysis.worth": ("verdicts",),
    "nasbench.latency.signature": ("signatures",),
}  # fmt: skip


def test_every_entry_has_its_names() -> None:
    assert NAMES.keys() == RENAMED.keys()


@pytest.mark.parametrize(("old", "name"), [(old, name) for old, names in NAMES.items() for name in names])
def test_an_old_path_gives_the_same_object_and_warns(old: str, name: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is now {RENAMED[old]}") as caught:
        value = getattr(import_module(old), name)
    assert value is getattr(import_module(RENAMED[old]), name)
    assert caught[0].filename == __file__  # the line that uses the old path


@pytest.mark.parametrize("old", RENAMED)
def test_new_paths_exist_and_have_no_warning(old: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert import_module(RENAMED[old]).__name__ == RENAMED[old]


@pytest.mark.parametrize("old", RENAMED)
def test_a_name_that_never_was_is_an_error(old: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{old}' has no attribute 'nothing'"):
        import_module(old).nothing  # noqa: B018


def test_other_modules_are_not_found() -> None:
    assert util.find_spec("nasbench.analysis.nothing") is None
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        import_module("nasbench.nothing")


@pytest.mark.parametrize(
    "statement",
    [
        "from nasbench.analysis.front import best_within",
        "import nasbench.analysis.front as f; f.best_within",
        "from nasbench.analysis.plots import front_picture, plot_front",
    ],
)
def test_the_user_sees_the_warning_at_the_own_line(statement: str) -> None:
    """In a fresh interpreter, where Python shows a DeprecationWarning only for code of `__main__`."""
    run = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=True)
    assert run.stderr.startswith("<string>:1: DeprecationWarning: nasbench.analysis.")

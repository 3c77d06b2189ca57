"""Old module paths that documentation or notebooks mentioned. They work for one release, with a DeprecationWarning."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

RENAMED = {
    "nasbench.analysis.agreement": "nasbench.analysis.plots.agreement",
    "nasbench.analysis.compare_plots": "nasbench.analysis.plots.compare",
    "nasbench.analysis.distribution": "nasbench.analysis.plots.distribution",
    "nasbench.analysis.front": "nasbench.analysis.fronts.front",
    "nasbench.analysis.front_rows": "nasbench.analysis.plots.genotypes",
    "nasbench.analysis.hypervolume": "nasbench.analysis.fronts.hypervolume",
    "nasbench.analysis.network_plots": "nasbench.analysis.plots.networks",
    "nasbench.analysis.plots": "nasbench.analysis.plots.study",  # now a package, which forwards the names itself
    "nasbench.analysis.progress": "nasbench.analysis.plots.progress",
    "nasbench.analysis.relations": "nasbench.analysis.plots.relations",
    "nasbench.analysis.scaling_plots": "nasbench.analysis.plots.scaling",
    "nasbench.analysis.steps": "nasbench.analysis.network_steps",
    "nasbench.analysis.worth": "nasbench.analysis.final_round",
    "nasbench.latency.signature": "nasbench.latency.predicting.signature",
}


def forward(old: str) -> Callable[[str], Any]:
    """A module `__getattr__` for an old path: it takes each name from the new module, with a warning."""

    def get(name: str) -> Any:
        # Python itself looks for names such as `__path__`; they are never forwarded.
        missing = AttributeError(f"module {old!r} has no attribute {name!r}")
        if name.startswith("__"):
            raise missing
        try:
            value = getattr(import_module(RENAMED[old]), name)
        except AttributeError:
            raise missing from None
        warnings.warn(f"{old} is now {RENAMED[old]}; the old path will go with the next release", DeprecationWarning, stacklevel=2)
        return value

    return get


class _Finder(MetaPathFinder, Loader):
    """Makes an empty module for an old path; its names come from the new module."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in RENAMED else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = f"The old path of {RENAMED[module.__name__]}."
        module.__getattr__ = forward(module.__name__)  # type: ignore[method-assign]


def install() -> None:
    """Make old paths importable. The finder is the last one, so it only sees modules that do not exist."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())

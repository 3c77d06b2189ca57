"""Virtual environments that hold a few packages of this one, and no nasbench."""

from __future__ import annotations

import os
import subprocess
import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(*packages: str) -> dict[str, Distribution]:
    """The packages with all that they need, as far as that is installed here."""
    found: dict[str, Distribution] = {}
    missing: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found or name in missing:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # such as the libraries of a GPU
            missing.add(name)
            continue
        wanted = map(Requirement, found[name].requires or ())
        waiting += [need.name for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert not missing.intersection(map(canonicalize_name, packages)), missing
    return found


def environment(path: Path, *packages: str) -> Path:
    """A virtual environment with links to the packages and to what they need; returns its Python."""
    venv.create(path, symlinks=True, with_pip=False)
    (site,) = path.glob("lib/python3.*/site-packages")
    for package in needed(*packages).values():
        for entry in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (site / entry).exists():
                (site / entry).symlink_to(Path(str(package.locate_file(entry))))
    return path / "bin" / "python"


def run_in(python: Path, *words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a virtual environment's Python in a folder. It sees no variable that would lead it to other packages."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([str(python), "-s", *map(str, words)], cwd=folder, env=env, capture_output=True, text=True, timeout=300)

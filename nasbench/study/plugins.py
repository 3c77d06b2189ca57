"""The plugins of a study: it keeps a copy of each, and runs no code that is not its own or its user's.

A study directory is data, until it holds Python. A copy that lies in one is run only if a search of this user began with
that very text, which the cache folder remembers; otherwise the user has to name the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import cache_folder, write_atomic
from nasbench.plugins import Plugin, loaded_plugins, read_plugin, use_plugin
from nasbench.study.directory import STUDY_FILE, StudyDirectory

FOLDER = "plugins"


def plugins_of_study(path: Path, plugins: Sequence[Plugin]) -> dict[str, Plugin]:
    """The plugins under the names that the study at `path` has for them: their file names, or those that it began with.

    Raises:
        StudyError: the study began with other plugins; or two of them have one file name.
    """
    stored = _stored(StudyDirectory.open(path).command) if (path / STUDY_FILE).is_file() else None
    names = {sha256: name for name, sha256 in (stored or {}).items()}
    found: dict[str, Plugin] = {}
    for plugin in plugins:
        name = names.get(plugin.sha256, plugin.name)
        if name in found:
            raise StudyError(
                f"a study keeps its plugins under their file names; {found[name].path} and {plugin.path} have the same; rename one"
            )
        found[name] = plugin
    for name, sha256 in (stored or {}).items():
        if name not in found:
            raise StudyError(f"{path} began with the plugin {name} (sha256 {sha256[:12]}); give it again: --plugin {path / FOLDER / name}")
        if found[name].sha256 != sha256:
            raise StudyError(_changed(path, name, sha256, found[name].sha256))
    more = [name for name in found if stored is not None and name not in stored]
    if more:
        raise StudyError(f"{path} began without the plugin {more[0]}; leave it out, or choose another --name")
    return found


def store_plugins(path: Path, plugins: Mapping[str, Plugin]) -> None:
    """Put copies into the study at `path`, and remember that its user ran them."""
    for name, plugin in plugins.items():
        copy = path / FOLDER / name
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists() or copy.read_bytes() != plugin.source.encode():
            write_atomic(copy, plugin.source)
        with suppress(OSError):  # a cache that cannot be written costs the user an option later, no more
            mark = _mark(plugin.sha256)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def load_stored_plugins(path: str | Path) -> None:
    """Load what the study at `path` began with and the user has not loaded: the copies it keeps.

    Raises:
        StudyError: the user loaded another version; a copy is missing, was changed, or was never run by this user.
        PluginError: it cannot be loaded.
    """
    path = Path(path)
    loaded = {p.sha256 for p in loaded_plugins()}
    names = {p.name: p.sha256 for p in loaded_plugins()}
    for name, sha256 in _stored(StudyDirectory.open(path).command).items():
        if sha256 in loaded:
            continue
        if name in names:
            raise StudyError(_changed(path, name, sha256, names[name]))
        copy = path / FOLDER / name
        if not copy.is_file():
            raise StudyError(f"{path} began with the plugin {name} and its copy is missing; give the file it began with: --plugin {name}")
        plugin = read_plugin(copy)
        if plugin.sha256 != sha256:
            raise StudyError(
                f"{copy} was changed since the study began (sha256 {sha256[:12]} then, {plugin.sha256[:12]} now); "
                f"restore it, or give the file it began with: --plugin {name}"
            )
        if not _mark(sha256).exists():
            raise StudyError(
                f"{path} holds Python that no search of yours has run here, and going on would run it; "
                f"read it, then allow it with --plugin {copy}"
            )
        use_plugin(plugin)


def _stored(command: Mapping[str, Any]) -> dict[str, str]:
    found = command.get("plugins") or {}
    # The names become paths inside the study: one from elsewhere must not lead out of it.
    if not isinstance(found, dict) or not all(isinstance(n, str) and n == Path(n).name and isinstance(s, str) for n, s in found.items()):
        raise StudyError(f"a study's plugins are file names and their sha256; {STUDY_FILE} has {found!r}; restore it from a copy")
    return found


def _changed(path: Path, name: str, then: str, now: str) -> str:
    return (
        f"{path} began with another {name} (sha256 {then[:12]} then, {now[:12]} now), and its trials would not compare; "
        f"choose another --name for a new study, or go on with the copy that it keeps: --plugin {path / FOLDER / name}"
    )


def _mark(sha256: str) -> Path:
    return cache_folder() / "plugins" / "".join(c for c in sha256 if c.isalnum())

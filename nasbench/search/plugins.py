"""The plugins of a study: it keeps a copy of each, and runs no code that is not its own or its user's.

A study directory is data, until it holds Python. A copy that lies in one is run only if a search of this user began with
that very text, which the cache folder remembers; otherwise the user has to name the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError, StudyError
from nasbench.files import cache_folder, write_atomic
from nasbench.genotype.plugins import Plugin, loaded_plugins, read_plugin, use_plugin
from nasbench.search.folder import STUDY_FILE, StudyFolder

FOLDER = "plugins"


def digests(plugins: Sequence[Plugin]) -> dict[str, str]:
    """As `study.yaml` keeps them: file names and what their text hashes to.

    Raises:
        StudyError: two plugins with one file name.
    """
    found: dict[str, str] = {}
    for plugin in plugins:
        if plugin.name in found:
            paths = " and ".join(p.path for p in plugins if p.name == plugin.name)
            raise StudyError(f"a study keeps its plugins under their file names; {paths} have the same; rename one")
        found[plugin.name] = plugin.sha256
    return found


def keep(path: Path, plugins: Sequence[Plugin]) -> None:
    """Put copies into the study at `path`, and remember that its user ran them."""
    for plugin in plugins:
        copy = path / FOLDER / plugin.name
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists() or copy.read_bytes() != plugin.source.encode():
            write_atomic(copy, plugin.source)
        with suppress(OSError, NasbenchError):  # a cache that cannot be written costs the user an option later, no more
            mark = _mark(plugin.sha256)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def refuse_changed(path: Path, plugins: Sequence[Plugin]) -> None:
    """See that the study at `path`, if there is one, began with these plugins.

    Raises:
        StudyError: it began with others.
    """
    if not (path / STUDY_FILE).is_file():
        return
    stored, now = _stored(StudyFolder.open(path).command), digests(plugins)
    for name, sha256 in stored.items():
        if name not in now:
            raise StudyError(f"{path} began with the plugin {name}; give it again: --plugin {path / FOLDER / name}")
        if now[name] != sha256:
            raise StudyError(_changed(path, name, sha256, now[name]))
    if more := [name for name in now if name not in stored]:
        raise StudyError(f"{path} began without the plugin {more[0]}; leave it out, or choose another --name")


def load_kept(path: str | Path) -> None:
    """Load what the study at `path` began with and the user has not loaded: the copies it keeps.

    Raises:
        StudyError: the user loaded another version; a copy is missing, was changed, or was never run by this user.
        PluginError: it cannot be loaded.
    """
    path = Path(path)
    loaded = {p.sha256 for p in loaded_plugins()}
    names = {p.name: p.sha256 for p in loaded_plugins()}
    for name, sha256 in _stored(StudyFolder.open(path).command).items():
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

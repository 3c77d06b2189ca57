"""The plugins of a study: it holds a copy of each, and runs only code that its user has run before.

A study directory is data, but plugins in it are Python. A copy in a study is run only if a search of this user began with the
same text, of which a mark in the cache folder tells. Otherwise the user has to name the file.
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

FOLDER = "plugins"  # of a study directory


def plugins_of_study(path: Path, plugins: Sequence[Plugin]) -> dict[str, Plugin]:
    """The plugins by the names that they have in the study at `path`.

    In a new study these are their file names. A study that continues keeps the names with which it began.

    Raises:
        StudyError: the study began with other plugins, or two plugins have the same file name.
    """
    stored = _stored(StudyDirectory.open(path).command) if (path / STUDY_FILE).is_file() else None
    names = {sha256: name for name, sha256 in (stored or {}).items()}
    by_name: dict[str, Plugin] = {}
    for plugin in plugins:
        name = names.get(plugin.sha256, plugin.name)
        if name in by_name:
            raise StudyError(
                f"a study keeps its plugins under their file names; {by_name[name].path} and {plugin.path} have the same; rename one"
            )
        by_name[name] = plugin
    for name, sha256 in (stored or {}).items():
        if name not in by_name:
            raise StudyError(f"{path} began with the plugin {name} (sha256 {sha256[:12]}); give it again: --plugin {path / FOLDER / name}")
        if by_name[name].sha256 != sha256:
            raise StudyError(_changed(path, name, sha256, by_name[name].sha256))
    added = [name for name in by_name if stored is not None and name not in stored]
    if added:
        raise StudyError(f"{path} began without the plugin {added[0]}; leave it out, or choose another --name")
    return by_name


def store_plugins(path: Path, plugins: Mapping[str, Plugin]) -> None:
    """Put copies into the study at `path`, and mark them in the cache folder as run by this user."""
    for name, plugin in plugins.items():
        copy = path / FOLDER / name
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists() or copy.read_bytes() != plugin.source.encode():
            write_atomic(copy, plugin.source)
        with suppress(OSError):  # without the mark, the user has to give --plugin again later
            mark = _mark(plugin.sha256)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def load_stored_plugins(path: str | Path) -> None:
    """Load the plugins with which the study at `path` began, from its copies. Those that the user has loaded already stay.

    Raises:
        StudyError: the user loaded another version; or a copy is missing, was changed, or was never run by this user.
        PluginError: a plugin cannot be loaded.
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
                f"{path} holds Python that no search of yours has run here, and continuing would run it; "
                f"read it, then allow it with --plugin {copy}"
            )
        use_plugin(plugin)


def _stored(command: Mapping[str, Any]) -> dict[str, str]:
    """The sha256 of each plugin of a stored command, by name."""
    plugins = command.get("plugins") or {}
    # The names become paths in the study. A study from elsewhere must not lead out of its directory.
    if not isinstance(plugins, dict) or not all(
        isinstance(name, str) and name == Path(name).name and isinstance(sha256, str) for name, sha256 in plugins.items()
    ):
        raise StudyError(f"a study's plugins are file names and their sha256; {STUDY_FILE} has {plugins!r}; restore it from a copy")
    return plugins


def _changed(path: Path, name: str, then: str, now: str) -> str:
    """The message for a plugin that is not the one with which the study began."""
    return (
        f"{path} began with another {name} (sha256 {then[:12]} then, {now[:12]} now), and its trials would not compare; "
        f"choose another --name for a new study, or continue with the study's own copy: --plugin {path / FOLDER / name}"
    )


def _mark(sha256: str) -> Path:
    """The file whose existence says that this user has run a plugin."""
    return cache_folder() / "plugins" / "".join(c for c in sha256 if c.isalnum())

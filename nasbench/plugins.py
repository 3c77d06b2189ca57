"""Plugins: a Python file of the user's own that registers block types, evaluators, strategies or runtimes, loaded by its path.

A plugin is its path and its text. The text travels to other processes and into studies, so that all of them run the same
code, whatever becomes of the file meanwhile. Torch is loaded only if the file imports it.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from nasbench.errors import NasbenchError, PluginError, one_line, place_in
from nasbench.registry import Registry

MAX_BYTES = 1_000_000


class Plugin(NamedTuple):
    """A file of the user's own code, as plain data.

    Attributes:
        path: of the file, as it was named; source: the text that was read there.
        module: name of the Python module that it becomes; one file has one, in every process and from every folder.
    """

    path: str
    source: str
    module: str

    @property
    def name(self) -> str:
        """`my_blocks.py`."""
        return Path(self.path).name

    @property
    def sha256(self) -> str:
        """Of the text: two files of one text are one plugin."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    @property
    def registered(self) -> tuple[str, ...]:
        """The names that it has registered: of block types, evaluators, strategies and runtimes."""
        return tuple(name for registry in Registry.every for name in registry.names_from(self.module))


_loaded: dict[str, Plugin] = {}  # by module, in the order of loading


def loaded_plugins() -> tuple[Plugin, ...]:
    """The plugins that are loaded, in the order of loading: what another process has to load too."""
    return tuple(_loaded.values())


def load_plugin(path: str | Path) -> Plugin:
    """Run a plugin, so that what it registers can be used by name. A file that is loaded already is not run again.

    A file that was changed since is run again, and its definitions are replaced. The file stands alone: it may import
    installed packages, not its neighbours. What it prints goes to standard error.

    Raises:
        PluginError: the file does not exist, is not Python, raises an exception (the message says where), registers an
            impossible block or a name that is taken, or registers nothing.

    Example:
        >>> _ = Path("my_blocks.py").write_text("from nasbench import block\\n@block\\ndef same(t, x): return x\\n")
        >>> load_plugin("my_blocks.py").registered
        ('same',)
    """
    return use_plugin(read_plugin(path))


def read_plugin(path: str | Path) -> Plugin:
    """A plugin as data; nothing of it is run.

    Raises:
        PluginError: the file does not exist, or is not text.
    """
    file = Path(path)
    if file.is_dir():
        raise PluginError(f"a plugin is a Python file; {file} is a folder; name a file in it")
    if file.suffix != ".py":
        raise PluginError(f"a plugin is a Python file, such as my_blocks.py; got {str(path)!r}")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise PluginError(f"a plugin is a Python file; {file}: {error.strerror}; check the path and its permissions") from None
    if len(data) > MAX_BYTES:
        raise PluginError(f"a plugin has at most {MAX_BYTES:,} bytes; {file} has {len(data):,}; keep only the definitions there")
    try:
        return Plugin(str(path), data.decode("utf-8-sig"), _module(file))
    except UnicodeDecodeError:
        raise PluginError(f"a plugin is UTF-8 text; {file} is not; save it as such") from None


def use_plugin(plugin: Plugin) -> Plugin:
    """See `load_plugin`; returns the plugin of the same text that is loaded already, if there is one."""
    for other in _loaded.values():
        if other.sha256 == plugin.sha256:
            return other
    code = _parsed(plugin)
    with _undone_on_error(plugin.module):
        forget_plugin(plugin)
        module = ModuleType(plugin.module)
        module.__file__ = plugin.path
        sys.modules[plugin.module] = module  # dataclasses, for one, look for their module there
        try:
            with redirect_stdout(sys.stderr):
                exec(compile(code, plugin.path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the user named it
        except NasbenchError as error:
            raise PluginError(f"{place_in(plugin.path, error)}: {error}") from None
        except (Exception, SystemExit) as error:
            raise PluginError(f"{place_in(plugin.path, error)}: {one_line(error)}{_advice(error)}") from error
        _check_registered(plugin, code)
        _loaded[plugin.module] = plugin
    return plugin


def forget_plugin(plugin: Plugin) -> None:
    """Take what it registered out of the registries again."""
    for registry in Registry.every:
        for name in registry.names_from(plugin.module):
            del registry[name]
    sys.modules.pop(plugin.module, None)
    _loaded.pop(plugin.module, None)


def _module(path: Path) -> str:
    stem = "".join(c if c.isalnum() else "_" for c in path.stem)
    return f"nasbench_plugin_{stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"


def _parsed(plugin: Plugin) -> ast.Module:
    try:
        return ast.parse(plugin.source, plugin.path)
    except SyntaxError as error:
        line = f" ({short_line})" if (short_line := (error.text or "").strip()[:80]) else ""
        raise PluginError(f"{plugin.path}:{error.lineno or 1}: this is not Python: {error.msg}{line}; correct it there") from None
    except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes, or nested beyond the parser's depth
        raise PluginError(f"a plugin is a Python file; {plugin.path} cannot be read as one: {one_line(error)}") from None


def _check_registered(plugin: Plugin, code: ast.Module) -> None:
    names = plugin.registered
    if not names:
        raise PluginError(
            f"a plugin registers blocks, evaluators, strategies or runtimes; {plugin.path} registers none; "
            "write @block (from nasbench.genotype), @evaluator, @strategy or @runtime above a definition"
        )
    lines: dict[str, int] = {}
    for node in code.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names:
            if node.name in lines:
                raise PluginError(
                    f"{plugin.path}:{node.lineno}: a name is defined once; {node.name!r} is there in line {lines[node.name]} too; "
                    "choose another name"
                )
            lines[node.name] = node.lineno


def _advice(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "; a plugin is one file that may import installed packages, not its neighbours"
    return "; correct it there"


@contextmanager
def _undone_on_error(module: str) -> Iterator[None]:
    """The registries are as before if the file fails half-way."""
    stored = [(registry, dict(registry)) for registry in Registry.every]
    before, plugin = sys.modules.get(module), _loaded.get(module)
    try:
        yield
    except BaseException:
        for registry, items in stored:
            registry.restore(items)
        sys.modules.pop(module, None)
        if before is not None:
            sys.modules[module] = before
        if plugin is not None:
            _loaded[module] = plugin
        raise

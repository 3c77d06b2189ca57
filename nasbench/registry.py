"""Registries: the block types, evaluators, strategies and runtimes by name, to which a plugin may add its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from nasbench.errors import NasbenchError

T = TypeVar("T")

# What finds a thing of one kind by its name, where it is looked up by a package further up than its own; `nasbench/__init__.py` fills it.
FINDERS: dict[str, Callable[[str], Any]] = {}


class Registry(dict[str, T], Generic[T]):
    """Things of one kind by name, in the order in which they were registered.

    Args:
        kind: what they are called in messages, such as `strategy`.
        error: raised when a name is taken.

    Attributes:
        every: all registries of this process; a plugin may add to any of them.
    """

    every: ClassVar[list[Registry[Any]]] = []

    def __init__(self, kind: str, error: type[NasbenchError]) -> None:
        super().__init__()
        self.kind, self._error = kind, error
        self._definitions: dict[str, Any] = {}
        Registry.every.append(self)

    def register(self, name: str, item: T, definition: Any) -> None:
        """Add `item`; `definition` is the function or class that it was made from, which tells where it comes from.

        The same file, module or notebook may define a name again; the new definition then replaces the old one.

        Raises:
            NasbenchError: of the registry's own kind; another file or module has registered this name.
        """
        old = self._definitions.get(name)
        if name in self and not (old is not None and _same_origin(old, definition)):
            where = "" if old is None else f", from {_origin(old)}"
            raise self._error(f"there is already {_article(self.kind)} {self.kind} {name!r}{where}; choose another name")
        self[name] = item
        self._definitions[name] = definition

    def names_from(self, module: str) -> tuple[str, ...]:
        """The names that a module has registered."""
        return tuple(name for name, definition in self._definitions.items() if name in self and definition.__module__ == module)

    def restore(self, items: dict[str, T]) -> None:
        """Put back what the registry held before; see `nasbench.plugins`.

        What a module of nasbench has registered since stays: it was imported on the way, and is not imported again.
        """
        ours = {
            name: item for name, item in self.items() if name not in items and self._definitions[name].__module__.startswith("nasbench.")
        }
        self.clear()
        self.update(items | ours)


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _file(definition: Any) -> Path:
    code = getattr(definition, "__code__", None)
    path = code.co_filename if code is not None else getattr(sys.modules.get(definition.__module__), "__file__", None)
    return Path(path or definition.__module__)


def _origin(definition: Any) -> str:
    """Where something was defined, for messages: a module of nasbench, else the file."""
    module: str = definition.__module__
    return module if module.startswith("nasbench.") else str(_file(definition))


def _same_origin(a: Any, b: Any) -> bool:
    """Whether b is a again: its cell, module or file was run once more."""
    return a.__module__ == b.__module__ or _file(a).resolve() == _file(b).resolve()

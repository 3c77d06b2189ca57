"""The search: its configuration, the plan, the loop, the final round and the winner."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _SearchPackage(ModuleType):
    """This package, which `nasbench.search(...)` can still call: Python gives a package and its parent's attribute one name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.__wrapped__(*arguments, **options)

    @property
    def __wrapped__(self) -> Any:
        """The function; `inspect.signature` and `inspect.unwrap` find it here."""
        return import_module("nasbench.api").search


sys.modules[__name__].__class__ = _SearchPackage

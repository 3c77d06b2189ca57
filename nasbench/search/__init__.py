"""The search: its configuration, the plan, the loop, the final round and the winner."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _SearchPackage(ModuleType):
    """This package, which `nasbench.search(...)` can still call: Python gives a package and its parent's attribute one name."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._function(*arguments, **options)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)

    @property
    def _function(self) -> Any:
        return import_module("nasbench.api").search


sys.modules[__name__].__class__ = _SearchPackage

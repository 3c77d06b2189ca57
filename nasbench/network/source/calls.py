"""How modules are constructed and functions called, as text whose numbers may be replaced by names."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import fx, nn

from nasbench.errors import NasbenchError

_OTHERS = ("device", "dtype")  # arguments that say nothing about a network
DEPTH = "StochasticDepth"  # torchvision's class; the file has its own, so that it needs torch alone


class Part(Protocol):
    """A part of a network that is an instance of a class of the file, see `classes.Instance`."""

    template: Any
    parameters: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Call:
    """The construction of a module.

    Attributes:
        target: `nn.Conv2d` and the like; for a class of the file the empty text.
        arguments: by name, for a class of torch.
        instance: for a class of the file.
        children: modules that it holds, such as those of `nn.Sequential`, with their names where it has names.
    """

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    instance: Part | None = None
    children: tuple[tuple[str, Call], ...] = ()

    @property
    def signature(self) -> Any:
        """What two constructions share that differ in numbers only."""
        if self.instance is not None:
            return self.instance.template
        return (self.target, tuple(self.arguments), tuple((name, child.signature) for name, child in self.children))

    def values(self) -> Iterator[tuple[str, Any]]:
        """The arguments by name, those of the children after one another."""
        if self.instance is not None:
            yield from self.instance.parameters.items()
        yield from self.arguments.items()
        for _, child in self.children:
            yield from child.values()


def module_call(module: nn.Module, where: str) -> Call:
    """How a module of torch is constructed.

    Raises:
        NasbenchError: it is not one of torch, so the file would not run without other packages.
    """
    cls = type(module)
    if cls.__name__ == DEPTH:
        return Call(DEPTH, {"p": module.p})
    if getattr(nn, cls.__name__, None) is not cls:
        raise NasbenchError(f"a model.py needs torch alone; {where} is a {cls.__module__}.{cls.__name__}; use export --onnx instead")
    return Call(f"nn.{cls.__name__}", {name: _argument(module, name) for name in _arguments(cls)})


def defaults(target: str) -> Mapping[str, Any]:
    """The defaults of the arguments of a class of torch; `inspect.Parameter.empty` for an argument without one."""
    return _arguments(getattr(nn, target.removeprefix("nn."))) if target.startswith("nn.") else {}


@lru_cache(maxsize=64)
def _arguments(cls: type[nn.Module]) -> dict[str, Any]:
    parameters = inspect.signature(cls).parameters
    return {name: p.default for name, p in parameters.items() if name not in _OTHERS}


def _argument(module: nn.Module, name: str) -> Any:
    value = getattr(module, name)
    if name == "bias":
        return value is not None
    if isinstance(value, tuple) and len(set(value)) == 1:
        return value[0]
    return value


@dataclass(frozen=True)
class Operation:
    """A function of values.

    Attributes:
        text: Python with `{0}`, `{1}` for the values, and names in braces for the constants.
        constants: by name.
        binds: whether the text is an operator, which needs parentheses inside another.
    """

    text: str
    constants: Mapping[str, Any] = field(default_factory=dict)
    binds: bool = False


_METHODS: Mapping[str, tuple[str, ...]] = {"mean": ("dim",), "narrow": ("dim", "start", "length")}
_CONSTANTS: Mapping[str, tuple[str, ...]] = {
    "channel_shuffle": ("groups",),
    "pad": ("padding",),
    "adaptive_max_pool2d": ("size",),
    "flatten": ("start_dim",),
}
_OPERATORS: Mapping[Any, str] = {torch.add: "+", operator.add: "+", torch.mul: "*", operator.mul: "*"}


def operation(node: fx.Node, where: str) -> Operation:
    """The text of a call of a function or method.

    Raises:
        NasbenchError: the function is not one of torch.
    """
    if node.target in _OPERATORS:
        other = "{1}" if isinstance(node.args[1], fx.Node) else "{factor}"
        constants = {} if isinstance(node.args[1], fx.Node) else {"factor": node.args[1]}
        if node.args[0] is node.args[1]:
            other = "{0}"
        return Operation(f"{{0}} {_OPERATORS[node.target]} {other}", constants, binds=True)
    if node.target is operator.getitem:
        return Operation("{0}[:, {channels}]", {"channels": node.args[1][1]})  # type: ignore[index]
    if node.target is torch.cat:
        several = ", ".join(f"{{{i}}}" for i in _places(node))
        return Operation(f"torch.cat([{several}], dim=1)")
    if node.op == "call_method":
        names = _METHODS.get(str(node.target), ())
        written, constants = _rest(names, node.args[1:], node.kwargs)
        return Operation(f"{{0}}.{node.target}({written})", constants)
    written, constants = _rest(_CONSTANTS.get(_short(node.target), ()), node.args[1:], node.kwargs)
    return Operation(f"{_function(node.target, where)}({{0}}{', ' if written else ''}{written})", constants)


def _places(node: fx.Node) -> list[int]:
    """Which of the node's values each entry of its first argument is."""
    reads = node.all_input_nodes
    return [reads.index(value) for value in node.args[0]]  # type: ignore[union-attr, arg-type]


def _rest(names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text of further arguments, and their values by name."""
    constants = {names[i] if i < len(names) else f"argument{i}": value for i, value in enumerate(args)}
    text = [f"{{{name}}}" for name in constants] + [f"{name}={{{name}}}" for name in kwargs]
    return ", ".join(text), constants | dict(kwargs)


def _short(function: Any) -> str:
    return str(getattr(function, "__name__", function))


def _function(function: Callable[..., Any] | Any, where: str) -> str:
    name = _short(function)
    if getattr(nn.functional, name, None) is function:
        return f"F.{name}"
    if getattr(torch, name, None) is function:
        return f"torch.{name}"
    raise NasbenchError(f"a model.py needs torch alone; {where} calls {name}, which is not torch's; use export --onnx instead")

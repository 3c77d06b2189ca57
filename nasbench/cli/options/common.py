"""Options that several commands share.

A command takes a dataclass of options as a parameter. `expanded` replaces it by one parameter for each field, as typer needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from nasbench.latency import DeviceConfig

Space = Annotated[str, typer.Option("--space", help="A space (see `nasbench spaces`) or its .yaml file.")]


@dataclass(frozen=True)
class DeviceOptions:
    """The options that choose a device."""

    device: Annotated[
        str, typer.Option("--device", metavar="cpu|cuda|FILE", help="This machine's CPU or GPU, or the file of a profile.")
    ] = "cpu"
    runtime: Annotated[
        str | None, typer.Option("--runtime", help="eager, compile, onnxruntime (CPU) or cudagraphs (cuda); default: eager.")
    ] = None
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of the runtime on a CPU; default: all cores.")] = None
    batch: Annotated[int | None, typer.Option("--batch", help="Images per run; default: 1.")] = None
    precision: Annotated[str | None, typer.Option("--precision", help="fp32, bf16 or fp16; default: fp32.")] = None
    memory_format: Annotated[str | None, typer.Option("--memory-format", help="contiguous or channels_last; default: contiguous.")] = None

    def choice(self) -> DeviceConfig:
        """The device that the options choose.

        Raises:
            DeviceError: an unknown value, or a combination that the runtime cannot run.
        """
        from nasbench.latency import DeviceConfig

        return DeviceConfig(**{field.name: getattr(self, field.name) for field in fields(self)})


def expanded(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with one parameter for each field of its dataclasses of options, at the place of the dataclass."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind):
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[name] = kind
        inner = get_type_hints(kind, include_extras=True)
        parameters += [
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=inner[field.name])
            for field in fields(kind)
        ]

    @wraps(command)
    def run(**values: Any) -> Any:
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        return command(**values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect and typer read first
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run

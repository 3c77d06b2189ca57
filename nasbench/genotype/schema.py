"""Schema: what the signature of a block type says about its fields. Validation, help texts and YAML are read off it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from nasbench.errors import GenotypeError, nearest, one_line, short
from nasbench.genotype import fields as types
from nasbench.genotype.fields import Width
from nasbench.genotype.layer import Value

_SHAPE = "a block is a function (t, x, *, fields...) or (t, x, before, *, fields...)"


class Schema:
    """The fields of a block type, read off the signature of its function.

    Attributes:
        name: name of the function, which is also the `op` of a block.
        function: the function over the tracer.
        doc: docstring of the function.
        reads_before: whether it reads, beside its input, the input of the block before it.
        names: names of the fields, in the order of the signature.
        annotations: type of each field, as written.
        defaults: default of each field that has one.
        required: names of the fields without a default.
        widths: names of the fields that are numbers of channels.
        lists: for each field that is a list, how deep its lists nest.
        entries: for each field, its type, or the type of its innermost entries.
    """

    def __init__(self, function: Callable[..., Value]) -> None:
        values, fields = _parameters(function)
        hints = _hints(function, fields)
        self.reads_before = len(values) == 3
        self.name = function.__name__
        self.function = function
        self.doc = inspect.getdoc(function) or f"a block from {Path(function.__code__.co_filename).name}, which has no docstring"
        self.annotations = {p.name: _spelled(p.annotation) for p in fields}
        self.defaults = {p.name: p.default for p in fields if p.default is not p.empty}
        self.required = tuple(p.name for p in fields if p.default is p.empty)
        self.names = tuple(p.name for p in fields)
        self.widths = tuple(p.name for p in fields if hints[p.name] == Width or Width in get_args(hints[p.name]))
        self.lists = {p.name: _depth(hints[p.name])[0] for p in fields if _depth(hints[p.name])[0]}
        self.entries = {p.name: _depth(hints[p.name])[1] for p in fields}
        schema: dict[str, Any] = {p.name: (hints[p.name], ... if p.default is p.empty else p.default) for p in fields}
        config = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
        try:
            self._model: type[BaseModel] = create_model(self.name, __config__=config, **schema)
        except Exception as error:
            raise GenotypeError(f"{self.name}: its types cannot be read: {one_line(error)}; see nasbench.genotype.fields") from error
        if lost := [n for n in self.names if n not in self._model.model_fields]:
            raise GenotypeError(f"{self.name}: pydantic, which checks fields, keeps the name {lost[0]!r} for itself; choose another")
        self._check_defaults()

    def check(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """All fields, validated, in the order of the signature.

        Raises:
            GenotypeError: an unknown or missing field or a value outside its type.
        """
        try:
            model = self._model.model_validate({k: frozen(v) for k, v in fields.items()})
        except ValidationError as error:
            raise GenotypeError(self._explain(error)) from None
        return {name: getattr(model, name) for name in self.names}

    def describe(self) -> list[tuple[str, str, str]]:
        """Rows of (field, type, default) for a help text; a required field has no default."""
        return [(n, self.annotations[n], "required" if n in self.required else _default(self.defaults[n])) for n in self.names]

    def _check_defaults(self) -> None:
        """Check that each default is a value that a block may have; a wrong one would be noticed much later, and blamed on the block."""
        for name, value in self.defaults.items():
            try:
                hash(value)
            except TypeError:
                rule = f"{self.name}: a default never changes; field {name!r} has {short(value)}"
                raise GenotypeError(
                    f"{rule}; write {short(frozen(value)) if isinstance(value, list) else 'a tuple, number or text'}"
                ) from None
        try:
            self._model.model_validate({k: frozen(v) for k, v in self.defaults.items()})
        except ValidationError as error:
            wrong = [e for e in error.errors(include_url=False) if e["type"] != "missing"]
            if wrong:
                name, rule = str(wrong[0]["loc"][0]), wrong[0]["msg"].removeprefix("Value error, ")
                raise GenotypeError(
                    f"{self.name}: a default is a value of its type; field {name!r} has {short(self.defaults[name])}: "
                    f"{rule[0].lower()}{rule[1:]}"
                ) from None

    def _explain(self, error: ValidationError) -> str:
        errors = error.errors(include_url=False)
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])  # a misspelt field is missing too: name the spelling
        name = str(first["loc"][0]) if first["loc"] else ""
        reads = f"it reads {', '.join(self.names) or 'no fields'}"
        if first["type"] == "extra_forbidden":
            return f"{self.name} has no field {short(name)}; {reads}{nearest(name, self.names)}"
        if first["type"] == "missing" and len(first["loc"]) == 1:  # else a value that is too short, as of a pair
            return f"{self.name} needs the field {name!r}; {reads}"
        rule = first["msg"].removeprefix("Value error, ")
        got = "" if "got " in rule or isinstance(first.get("ctx", {}).get("error"), GenotypeError) else f"; got {short(first['input'])}"
        return f"{self.name}.{name}: {rule[0].lower()}{rule[1:]}{got}"


def _depth(hint: Any) -> tuple[int, Any]:
    """How many tuples are around the innermost type of `hint`, and that type."""
    if get_origin(hint) is Annotated:
        return _depth(get_args(hint)[0])
    if get_origin(hint) is tuple:
        depth, inner = _depth(get_args(hint)[0])
        return depth + 1, inner
    return 0, hint


def _parameters(function: Callable[..., Value]) -> tuple[list[inspect.Parameter], list[inspect.Parameter]]:
    """The values and the fields in the signature of a block type."""
    special = inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function)
    if not inspect.isfunction(function) or special or not function.__name__.isidentifier():
        raise GenotypeError(f"{_SHAPE} with a name, and returns a value; got {short(function)}; write def NAME(t, x, *, ...) under @block")
    parameters = list(inspect.signature(function).parameters.values())
    values = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
    rule = f"{_SHAPE}; {function.__name__} takes {inspect.signature(function)}"
    plain = [p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in values]
    if not all(plain) or len(values) < 2:
        raise GenotypeError(f"{rule}; name each field, after a *")
    if len(values) > 3 or (len(values) == 3 and values[2].name != "before"):
        raise GenotypeError(f"{rule}; write a * before {values[3 if values[2].name == 'before' else 2].name!r}")
    return values, parameters[len(values) :]


def _hints(function: Callable[..., Value], fields: list[inspect.Parameter]) -> dict[str, Any]:
    """The types of the fields. Each field has a known type, of values that never change."""
    name = function.__name__
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:
        raise GenotypeError(f"{name}: its types cannot be read: {one_line(error)}; import them at the top of the file") from error
    for p in fields:
        if p.name in ("op", "repeat"):
            raise GenotypeError(f"{name}: every block has op and repeat already; call field {p.name!r} something else")
        if p.name not in hints:
            raise GenotypeError(f"{name}: field {p.name!r} needs a type, such as {p.name}: Width (see nasbench.genotype.fields)")
        if changeable := _changeable(hints[p.name]):
            raise GenotypeError(
                f"{name}: a field's value never changes; field {p.name!r} is a {changeable.__name__}; write tuple[int, ...] or the like"
            )
    return hints


def _changeable(kind: Any) -> type | None:
    """A list, dict or set in a type."""
    if kind in (list, dict, set):
        return kind  # type: ignore[no-any-return] # it is one of the three
    return next(
        filter(None, (_changeable(a) for a in (get_origin(kind), *get_args(kind)) if a is not None and not isinstance(a, str))), None
    )


def _spelled(kind: Any) -> str:
    """A type as one writes it, whether or not the file that holds it postpones annotations."""
    if isinstance(kind, str):
        return kind
    for name in types.TYPES:
        if getattr(types, name, None) is kind:
            return name
    if get_origin(kind) in (Union, UnionType):
        return " | ".join(_spelled(a) for a in get_args(kind))
    return "None" if kind is NoneType else kind.__name__ if type(kind) is type else str(kind).replace("typing.", "")


def _default(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def frozen(value: Any) -> Any:
    """Lists, as YAML gives them, as tuples."""
    return tuple(frozen(v) for v in value) if isinstance(value, list | tuple) else value

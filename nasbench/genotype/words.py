"""The vocabulary. A word is one function over the tracer; its signature is the schema.

    @block
    def fire(t: Tracer, x: Value, *, squeeze: Width, expand: Width, act: Act | None = None) -> Value:
        \"""SqueezeNet's fire module ...\"""

Validation, help text and YAML all come from that signature. Called with a tracer a word leaves its layers there;
called without, it makes a Block: `fire(squeeze=16, expand=64)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.fields import Width
from nasbench.genotype.genotype import Block
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer

VOCABULARY: dict[str, Word] = {}


class Word:
    """A block's one definition, and what is read off its signature.

    Attributes:
        name: of the function, and of the `op` in a row.
        doc: the docstring.
        annotations: type of each field as written.
        defaults: of the fields that have one.
        reads_before: whether it reads, beside its input, what the block before it did.
        required: names of the fields that have none; widths: of those that are numbers of channels.
        lists: how deep the lists of a field nest, for fields that are lists; rows: those whose innermost entries are rows.
    """

    def __init__(self, function: Callable[..., Value]) -> None:
        parameters = list(inspect.signature(function).parameters.values())
        values = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        if len(values) not in (2, 3) or (len(values) == 3 and values[2].name != "before"):
            raise GenotypeError(
                f"a block is a function (t, x, *, fields...) or (t, x, before, *, fields...); "
                f"{function.__name__} takes {inspect.signature(function)}"
            )
        hints = get_type_hints(function, include_extras=True)
        fields = parameters[len(values) :]
        self.reads_before = len(values) == 3
        for p in fields:
            if p.name not in hints or p.name in ("op", "repeat"):
                raise GenotypeError(f"{function.__name__}: field {p.name!r} needs a type, and may not be called op or repeat")
        self.name = function.__name__
        self.function = function
        self.doc = inspect.getdoc(function) or ""
        self.annotations = {p.name: str(p.annotation) for p in fields}
        self.defaults = {p.name: p.default for p in fields if p.default is not p.empty}
        self.required = tuple(p.name for p in fields if p.default is p.empty)
        self.names = tuple(p.name for p in fields)
        self.widths = tuple(p.name for p in fields if hints[p.name] == Width or Width in get_args(hints[p.name]))
        self.lists = {p.name: _depth(hints[p.name])[0] for p in fields if _depth(hints[p.name])[0]}
        self.rows = tuple(p.name for p in fields if _depth(hints[p.name])[1] is Block)
        schema: dict[str, Any] = {p.name: (hints[p.name], ... if p.default is p.empty else p.default) for p in fields}
        self._model: type[BaseModel] = create_model(
            self.name, __config__=ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=()), **schema
        )

    @overload
    def __call__(self, t: Tracer, x: Value, **fields: Any) -> Value: ...
    @overload
    def __call__(self, *values: Any, repeat: int = 1, **fields: Any) -> Block: ...
    def __call__(self, *args: Any, **fields: Any) -> Value | Block:
        """With (tracer, value, fields...) run the word; with field values alone, make a Block."""
        if args and isinstance(args[0], Tracer):
            return self.function(*args, **fields)
        if len(args) > len(self.names):
            raise GenotypeError(f"{self.name} reads {len(self.names)} fields ({', '.join(self.names)}); got {len(args)} values")
        for name, value in zip(self.names, args, strict=False):
            if name in fields:
                raise GenotypeError(f"{self.name}: field {name!r} is given twice, as {value!r} and {fields[name]!r}")
            fields[name] = value
        repeat = fields.pop("repeat", 1)
        return Block(self.name, fields, repeat)

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

    def _explain(self, error: ValidationError) -> str:
        found = error.errors(include_url=False)
        first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])  # a misspelt field is missing too: name the spelling
        name = str(first["loc"][0]) if first["loc"] else ""
        reads = f"it reads {', '.join(self.names) or 'no fields'}"
        if first["type"] == "extra_forbidden":
            return f"{self.name} has no field {short(name)}; {reads}{nearest(name, self.names)}"
        if first["type"] == "missing":
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


def _default(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def frozen(value: Any) -> Any:
    """Lists, as YAML gives them, as tuples."""
    return tuple(frozen(v) for v in value) if isinstance(value, list | tuple) else value


def block(function: Callable[..., Value]) -> Word:
    """Add a word to the vocabulary.

    Raises:
        GenotypeError: the name is taken by another function, or a field has no type.
    """
    word = Word(function)
    old = VOCABULARY.get(word.name)
    if old is not None and old.function.__module__ != function.__module__:
        raise GenotypeError(f"there is already a block {word.name!r}, from {old.function.__module__}; choose another name")
    VOCABULARY[word.name] = word
    return word

"""YAML for genotypes and spaces: YAML 1.2's plain types, no tags, no duplicate keys, bounded in size and depth."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from nasbench.errors import NasbenchError, short
from nasbench.files import read_text

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 20_000

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is installed, which is ten times faster


class _Loader(_Base):  # type: ignore[misc]
    """Safe, with YAML 1.2's numbers and booleans (`1e-3` is a number, `no` is a word, `010` is ten), and each key once."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is one word, not a list or a mapping", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


class _Dumper(yaml.SafeDumper):
    """Writes `OneLine` and `OneLineList` on one line each; quotes texts that YAML 1.1 or 1.2 would read as numbers."""


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", list("-+0123456789.")),
):
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def load_yaml(text_or_path: str | Path, error: type[NasbenchError]) -> tuple[Any, str]:
    """The document and a name for messages: the path, or `text`.

    A one-line string that ends in .yaml or .yml is a path; other strings are YAML itself.

    Raises:
        error: a missing file, a folder, a file that is not text, broken or hostile YAML.
    """
    if isinstance(text_or_path, Path) or re.fullmatch(r"[^\n]*\.ya?ml", text_or_path):
        path, where = Path(text_or_path), str(text_or_path)
        try:
            text = read_text(path, MAX_BYTES)
        except IsADirectoryError:
            raise error(f"a YAML file is needed; {where} is a folder; name a file in it") from None
        except OSError as problem:
            remedy = "split it" if problem.errno == errno.EFBIG else "check the path and its permissions"
            raise error(f"cannot read {where}: {problem.strerror}; {remedy}") from None
        except UnicodeDecodeError:
            raise error(f"a YAML file is UTF-8 text; {where} is not") from None
    else:
        text, where = text_or_path, "text"
    if len(text) > MAX_BYTES:
        raise error(f"YAML has at most {MAX_BYTES:,} bytes; {where} has {len(text):,}")
    try:
        _check_events(text, error, where)
        document = yaml.load(text, _Loader)  # noqa: S506 - a subclass of SafeLoader
        _check_size(document, error, where)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        reason = getattr(problem, "problem", None) or str(problem)
        if "nesting depth" in str(reason):  # newer parsers have a limit of their own
            raise error(_TOO_MUCH % where) from None
        raise error(f"cannot read YAML:{line} of {where}: {' '.join(str(reason).split())[:200]}; correct it there") from None
    except (RecursionError, ValueError) as problem:
        if isinstance(problem, NasbenchError):
            raise
        raise error(
            f"cannot read YAML of {where}: it holds an impossible number or nests too deep ({short(str(problem))}); write it plainly"
        ) from None
    return document, where


_TOO_MUCH = f"a YAML document has at most {MAX_NODES:,} entries, {MAX_DEPTH} levels deep; %s has more; write it plainly, without aliases"


def _check_events(text: str, error: type[NasbenchError], where: str) -> None:
    """Refuse tags, and documents that are too deep or too long, before any object is made."""
    count = depth = 0
    for event in yaml.parse(text, _Base):
        count += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise error(_TOO_MUCH % where)
        tag, mark = getattr(event, "tag", None), event.start_mark
        if tag is not None:
            line = f"line {mark.line + 1} of " if mark else ""
            raise error(f"plain YAML is needed, without tags; {line}{where} has {short(tag)}; take it out")


def _check_size(document: Any, error: type[NasbenchError], where: str) -> None:
    """Refuse documents that are small as text and huge as data, through aliases of aliases."""
    count, stack = 0, [(document, 0)]
    while stack:
        value, depth = stack.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise error(_TOO_MUCH % where)
        if isinstance(value, dict):
            stack.extend((v, depth + 1) for v in value.values())
        elif isinstance(value, list):
            stack.extend((v, depth + 1) for v in value)


class OneLine(dict[str, Any]):
    """A mapping that `dump_yaml` writes on one line."""


class OneLineList(list[Any]):
    """A list that `dump_yaml` writes on one line."""


_Dumper.add_representer(OneLine, lambda d, value: d.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True))
_Dumper.add_representer(OneLineList, lambda d, value: d.represent_sequence("tag:yaml.org,2002:seq", list(value), flow_style=True))


def dump_yaml(document: Any) -> str:
    """The document as YAML text that both YAML 1.1 and 1.2 read alike."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True)
    return text

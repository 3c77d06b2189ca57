"""Search spaces by name or from a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from nasbench.errors import SpaceError, nearest, short
from nasbench.genotype import Style
from nasbench.genotype.yaml import load_yaml
from nasbench.spaces.bounds import Bounds
from nasbench.spaces.options import ends, read_options
from nasbench.spaces.parts import read_section
from nasbench.spaces.space import Space, check_ties

_KEYS = ("name", "about", "channels", "resolution", "bounds", "style", "defaults", "stem", "stages", "head")


def spaces_folder() -> Path:
    """The folder of the YAML files: inside the installed package, or at the top of a checkout."""
    installed = Path(str(files("nasbench"))) / "search_spaces"
    return installed if installed.is_dir() else Path(str(files("nasbench"))).parent / "search_spaces"


def space_names() -> list[str]:
    """The names of the spaces that come with nasbench."""
    return sorted(path.stem for path in spaces_folder().glob("*.yaml"))


def load_space(name_or_path: str | Path) -> Space:
    """The search space of that name or YAML file; this function is `nasbench.space`.

    >>> import nasbench as nb
    >>> space = nb.space("mbconv")
    >>> nb.known("mobilenet_v2") in space
    True
    >>> g = space.sample(seed=0)
    >>> g.input[0], g.input[1] == g.input[2]
    (3, True)

    Args:
        name_or_path: a space that comes with nasbench (`space_names()` lists them), or the path of a YAML file. `docs/new_space.md`
            says how to write one.

    Raises:
        SpaceError: there is no such space, or the file does not hold one; says where in the file, the rule and the value.
    """
    text = str(name_or_path)
    if text in (names := space_names()):
        return read_space(spaces_folder() / f"{text}.yaml")
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        return read_space(Path(text))
    raise SpaceError(f"there is no space {text!r}{nearest(text, names)}; there are {', '.join(names)}, or name a .yaml file")


def read_space(text_or_path: str | Path) -> Space:
    """A space from YAML text or a YAML file: a genotype with lists at its fields.

    Raises:
        SpaceError: the file cannot be read, or does not hold a space; says where in it, the rule and the value.
    """
    document, where = load_yaml(text_or_path, SpaceError)
    if not isinstance(document, Mapping):
        raise SpaceError(f"a space is a mapping of {', '.join(_KEYS)}; {where} holds {type(document).__name__}")
    for key in document:
        if key not in _KEYS:
            raise SpaceError(f"a space has no {short(key)}; it reads {', '.join(_KEYS)}{nearest(key, _KEYS)}")
    defaults = document.get("defaults") or {}
    stages = document.get("stages") or []
    if not isinstance(defaults, Mapping) or not all(isinstance(v, Mapping) for v in defaults.values()):
        raise SpaceError(f"defaults is a mapping from an op to fields of its blocks; got {short(defaults)}")
    if not isinstance(stages, list):
        raise SpaceError(f"stages is a list of blocks or of lists of blocks; got {type(stages).__name__}")
    channels, resolution = (
        read_options(document.get("channels", 3), "channels"),
        read_options(document.get("resolution", 224), "resolution"),
    )
    for number in (*ends(channels), *ends(resolution)):
        if type(number) is not int or not 1 <= number <= 16_384:
            raise SpaceError(f"channels and resolution are whole numbers from 1 to 16384; got {short(number)}")
    name = document.get("name", Path(where).stem)
    if not isinstance(name, str) or not 0 < len(name) <= 100 or not name.isprintable():
        raise SpaceError(f"a space's name is a text of 1 to 100 printable characters; got {short(name)}")
    return check_ties(
        Space(
            name=name,
            channels=channels,
            resolution=resolution,
            styles=_styles(document.get("style") or {}),
            stem=read_section(document.get("stem"), defaults, "stem"),
            stages=tuple(read_section(stage, defaults, f"stage {i + 1}") for i, stage in enumerate(stages)),
            head=read_section(document.get("head"), defaults, "head"),
            bounds=Bounds.read(document.get("bounds") or {}),
            about=str(document.get("about", "")).strip(),
        )
    )


def _styles(style: Any) -> dict[str, Style]:
    """One style, or named alternatives if all values of the mapping are mappings."""
    if not isinstance(style, Mapping):
        raise SpaceError(f"style is a mapping of its fields, or of names to such mappings; got {short(style)}")
    if style and all(isinstance(value, Mapping) for value in style.values()):
        return {str(name): _style(fields, f"style {name}") for name, fields in style.items()}
    return {"style": _style(style, "style")}


def _style(fields: Mapping[str, Any], where: str) -> Style:
    try:
        return Style.of(fields)
    except ValueError as error:
        raise SpaceError(f"{where}: {error}") from None

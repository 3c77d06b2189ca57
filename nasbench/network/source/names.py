"""Names for the classes of a file."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nasbench.network.source.classes import Instance

_WORDS: Mapping[str, str] = {
    "mbconv": "MBConv",
    "se": "SqueezeExcitation",
    "gap": "GlobalAvgPool",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "silu": "SiLU",
    "elu": "ELU",
    "gelu": "GELU",
    "nasnet": "NASNet",
    "resnext": "ResNeXt",
}
_MODULES: Mapping[str, str] = {
    "nn.Conv2d": "Conv",
    "nn.BatchNorm2d": "Norm",
    "nn.BatchNorm1d": "Norm",
    "nn.Linear": "Linear",
    "nn.MaxPool2d": "MaxPool",
    "nn.AvgPool2d": "AvgPool",
    "nn.AdaptiveAvgPool2d": "AvgPool",
    "nn.Dropout": "Dropout",
    "nn.LocalResponseNorm": "LocalNorm",
}
_OPERATIONS: Mapping[str, str] = {
    "{0}[:, {channels}]": "SelectChannels",
    "{0}.narrow({dim}, {start}, {length})": "Narrow",
    "{0}.mean({dim}, keepdim={keepdim})": "GlobalAvgPool",
}
_FUNCTION = re.compile(r"(?:F|torch)\.(\w+)\(\{0\}")
_IMPORTED = ("F",)  # by the file
_MOST = 4  # steps of a class that is named by all of them


def class_name(text: str) -> str:
    """A class name from a name of a network, a block or a layer.

    >>> class_name("mobilenet_v3_small"), class_name("se"), class_name("2_paths")
    ('MobilenetV3Small', 'SqueezeExcitation', 'Part2Paths')
    """
    if text in _WORDS:
        return _WORDS[text]
    name = "".join(_WORDS.get(word, word[:1].upper() + word[1:]) for word in re.split(r"[^A-Za-z0-9]+", text))
    name = name if name and name[0].isalpha() else f"Part{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in _IMPORTED else name


def composed_name(instance: Instance) -> str:
    """The name of a short chain of layers, such as `ConvNormReLU`; empty for anything else."""
    words = []
    before = instance.inputs
    for unit in instance.units:
        if list(unit.reads) != before:
            return ""
        before = [unit.value]
        if unit.module:
            call = instance.attributes.get(unit.module.removeprefix("self."))
            word = "" if call is None else _MODULES.get(call.target, "")
        else:
            text = "" if unit.operation is None else unit.operation.text
            found = _FUNCTION.match(text)
            word = _OPERATIONS.get(text, "") if found is None else class_name(found[1])
        if not word:
            return ""
        words.append(word)
    return "".join(words) if len(words) <= _MOST else ""

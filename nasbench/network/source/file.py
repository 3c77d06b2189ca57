"""The text of a `model.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import nasbench
from nasbench.genotype import Genotype, Network, as_genotype, digest, trace
from nasbench.network.build import build
from nasbench.network.source.calls import DEPTH, Call, defaults
from nasbench.network.source.classes import POSITIONAL, ModuleClass
from nasbench.network.source.forward import Forward
from nasbench.network.source.layout import INDENT, Text
from nasbench.network.source.modules import AUXILIARY, Classes
from nasbench.network.source.names import class_name

NETWORK = "network"  # under which a file knows its network, whatever that is called

_DEPTH_CLASS = f'''class {DEPTH}(nn.Module):
    """Leaves the branch of an image out with probability p, in training (Huang et al. 2016)."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        shape = (x.shape[0], *(1 for _ in x.shape[1:]))
        kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1 - self.p)
        return x * kept / max(1 - self.p, 1e-12)
'''
_AUXILIARY_CLASS = f'''class {AUXILIARY}(nn.Module):
    """A classifier on the side, which runs in training only."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def forward(self, x):
        return self.rows(x) if self.training else None
'''


def module_source(g: Network, name: str = "") -> str:
    """A network as Python text that needs torch alone: the `model.py` of a delivery.

    Its module has the names of `nasbench.build(g)`, so it loads the same weights, and computes the same. Parts that differ in numbers
    only are one class.

    Args:
        g: a genotype, the name of a known network, or a .yaml file.
        name: of the class of the network; by default made from that of the genotype.

    Raises:
        GenotypeError: shapes that do not meet.
        NasbenchError: a block type of a plugin needs more than torch.

    >>> print(module_source("lenet5").splitlines()[0])
    \"\"\"lenet5 (..., input 1x32x32), written by nasbench 0.2.0. It needs torch alone.
    """
    g = as_genotype(g)
    name = name or name_of(g)
    classes = Classes(g, build(g, device="meta"), trace(g), name)
    body = [_class_text(each) for each in classes.all]
    text = "\n\n".join(body)
    helpers = [helper for used, helper in ((DEPTH, _DEPTH_CLASS), (AUXILIARY, _AUXILIARY_CLASS)) if f"{used}(" in text]
    text = "\n\n".join([*helpers, text])
    imports = ["import torch\n"] if "torch." in text else []
    imports += ["from torch import nn\n", *(["from torch.nn import functional as F\n"] if "F." in text else [])]
    return f"{_docstring(g, name)}\n{''.join(imports)}\n\n{text}\n\n{NETWORK} = {name}\n"


def name_of(g: Genotype) -> str:
    """The class that `module_source` writes for a genotype."""
    return class_name(g.name)


def _docstring(g: Genotype, name: str) -> str:
    c, h, w = g.input
    shown = g.name.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f'"""{shown} ({digest(g)}, input {c}x{h}x{w}), written by nasbench {nasbench.__version__}. It needs torch alone.\n\n'
        f"    from safetensors.torch import load_file\n\n"
        f"    net = {name}()\n"
        f'    net.load_state_dict(load_file("weights.safetensors"))\n'
        f"    logits = net.eval()(images)  # images (N, {c}, {h}, {w})\n"
        f'"""\n'
    )


def _class_text(each: ModuleClass) -> str:
    instance = each.instances[0]
    expressions = iter(zip((slot for slot in instance.slots()), each.expressions, strict=True))
    constants: dict[tuple[int, str], str] = {}
    made = [(name, _constructed(call, (text for _, text in _take(expressions, call)))) for name, call in instance.attributes.items()]
    stored: dict[str, str] = {}
    for slot, text in expressions:
        if text == repr(slot.value):
            constants[slot.step, slot.argument] = text
            continue
        several = (slot.argument, *(f"{slot.argument}_{number}" for number in range(2, len(each.expressions) + 2)))
        name = text if text.isidentifier() else next(name for name in several if stored.get(name, text) == text)
        stored[name] = text
        constants[slot.step, slot.argument] = f"self.{name}"
    forward = Forward(instance, constants)
    lines = [f"class {each.name}(nn.Module):"]
    if each.parameters or made:
        lines += [*_signature(each), f"{INDENT * 2}super().__init__()"]
        lines += [f"{INDENT * 2}self.{name} = {text}" for name, text in stored.items()]
        for name, call_text in made:
            lines += call_text.lines(INDENT * 2, before=f"self.{name} = ")
        lines.append("")
    lines.append(f"{INDENT}def forward(self, {', '.join(forward.inputs)}):")
    lines += [f"{INDENT * 2}{line}" for line in forward.lines()]
    return "\n".join(lines) + "\n"


def _take(expressions: Iterator[tuple[object, str]], call: Call) -> list[tuple[object, str]]:
    return [next(expressions) for _ in call.values()]


def _signature(each: ModuleClass) -> list[str]:
    parameters = [f"{name}={each.defaults[name]}" if name in each.defaults else name for name in each.parameters]
    return Text("def __init__(", ["self", *parameters], "):").lines(INDENT)


def _constructed(call: Call, texts: Iterator[str]) -> Text:
    """The text of a construction, with an expression for each of its values."""
    arguments: list[Text | str] = []
    if call.instance is not None:
        template = call.instance.template
        for name in call.instance.parameters:
            text = next(texts)
            if text != template.defaults.get(name):
                arguments.append(text if name in POSITIONAL else f"{name}={text}")
        return Text(f"{template.name}(", arguments)
    known = defaults(call.target)
    for name in call.arguments:
        text = next(texts)
        default = known.get(name, inspect.Parameter.empty)
        if text == repr(default):
            continue
        arguments.append(text if default is inspect.Parameter.empty else f"{name}={text}")
    children = [(name, _constructed(child, texts)) for name, child in call.children]
    if call.target == "nn.ModuleList":
        return Text("nn.ModuleList([", [child for _, child in children], "])")
    if call.target == "nn.ModuleDict":
        return Text("nn.ModuleDict({", [Text(child.head, child.arguments, child.tail, f'"{name}": ') for name, child in children], "})")
    return Text(f"{call.target}(", [*arguments, *(child for _, child in children)])

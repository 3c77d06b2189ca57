"""MODEL_CARD.md: what a network is for, how good and how fast it is, and how to load it, for people and for huggingface_hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

import nasbench
from nasbench.export.trained import Trained
from nasbench.genotype import cost, digest
from nasbench.genotype.units import show_count, show_memory

MODEL_CARD = "MODEL_CARD.md"
TASK = "image-classification"
_MOST_CLASSES = 20  # that are named


def model_card(trained: Trained, files: Mapping[str, str], checks: Mapping[str, str]) -> str:
    """The text of the file: YAML between two lines of dashes, then Markdown.

    Args:
        files: what each file of the folder is; checks: what was found when some of them were compared with the network.
    """
    front = yaml.safe_dump(_front_matter(trained), sort_keys=False, allow_unicode=True)
    parts = [_network(trained), _accuracy(trained), _latency(trained), _input(trained), _files(files, checks), _use()]
    return f"---\n{front}---\n\n# {trained.genotype.name}\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(trained: Trained) -> dict[str, Any]:
    front: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": TASK,
        "tags": ["nasbench", "neural-architecture-search", TASK],
        "metrics": ["accuracy"],
    }
    test = trained.summary.get("test")
    if not test:
        return front
    data = str(trained.summary["data"])
    result = {
        "task": {"type": TASK},
        "dataset": {"name": data, "type": data},
        "metrics": [{"type": "accuracy", "value": round(test["accuracy"], 4), "name": "accuracy on the test images"}],
    }
    return front | {"model-index": [{"name": trained.genotype.name, "results": [result]}]}


def _network(trained: Trained) -> str:
    g = trained.genotype
    size, side = cost(g), "x".join(map(str, g.input))
    return (
        f"A convolutional network for images of {len(trained.preprocess.classes)} classes: {show_count(size.params)} parameters "
        f"({show_memory(4 * size.params)} in float32), {show_count(size.macs)} multiply-adds at {side}. It was written by nasbench "
        f"{nasbench.__version__}; its digest is {digest(g)}."
    )


def _accuracy(trained: Trained) -> str:
    training = trained.summary
    if not training:
        return (
            "## Accuracy\n\nIts weights are those of the short training that ranked networks in a search, not of a training for use: "
            "`nasbench train` trains it."
        )
    lines = [f"Trained on {training['data']} for {training['epochs']} epochs by the recipe `{training['recipe']}`."]
    if test := training.get("test"):
        lines.append(
            f"Accuracy on {test['images']} test images: {test['accuracy']:.2%}, with a 95 % interval of {test['low']:.2%} to "
            f"{test['high']:.2%} for other images of the same kind."
        )
    if kept := training.get("validation"):
        lines.append(f"On {kept['images']} validation images: {kept['accuracy']:.2%}.")
    return "## Accuracy\n\n" + " ".join(lines)


def _latency(trained: Trained) -> str:
    card = trained.card
    if card is None:
        return ""
    side = "x".join(map(str, card.network.input))
    if card.measured is None:
        found = f"It was not measured{f': {card.unverified}' if card.unverified else ''}; `nasbench verify card.json` measures it."
    else:
        found = f"Measured: {card.measured}, on {card.device}."
    own = "x".join(map(str, trained.genotype.input))
    note = "" if own == side else f" The weights were trained at {own}, where the network is faster."
    return f"## Latency\n\nThe limit is {card.limit_ms:g} ms at {side}. {found}{note}"


def _input(trained: Trained) -> str:
    about = trained.preprocess
    names = ", ".join(f"`{name}`" for name in about.classes[:_MOST_CLASSES])
    more = f", and {len(about.classes) - _MOST_CLASSES} more" if len(about.classes) > _MOST_CLASSES else ""
    shape = ", ".join(map(str, about.input))
    return (
        f"## Input and classes\n\nfloat32 (N, {shape}): values from 0 to 1, less {_numbers(about.mean)}, divided by {_numbers(about.std)}. "
        f"`preprocess.json` says how an image file becomes that, and `predict.py` does it.\n\nClasses: {names}{more}."
    )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _files(files: Mapping[str, str], checks: Mapping[str, str]) -> str:
    rows = "\n".join(f"| `{name}` | {about} | {checks.get(name, '')} |" for name, about in files.items())
    return f"## Files\n\n| file | content | compared with the network |\n| --- | --- | --- |\n{rows}"


def _use() -> str:
    python = (
        "```python\nfrom safetensors.torch import load_file\nimport model\n\nnet = model.network()\n"
        'net.load_state_dict(load_file("weights.safetensors"))\nlogits = net.eval()(images)\n```'
    )
    return f"## Use\n\n    python predict.py photo.jpg\n\nIn torch:\n\n{python}"

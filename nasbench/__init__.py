"""nasbench: neural architecture search and scaling.

    import nasbench as nb
    g = nb.known("efficientnet_b0")
    nb.cost(g).macs          # 385_814_752, without torch
    net = nb.build(g)        # a torch module

Names load when first used, so that `import nasbench` needs neither torch, Optuna nor Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nasbench import _renamed
from nasbench.notebook import PICTURES
from nasbench.registry import FINDERS

__version__ = "0.2.0"

_HOMES = {
    "Block": "genotype",
    "Cost": "genotype",
    "Genotype": "genotype",
    "Layer": "genotype",
    "Style": "genotype",
    "adapt": "genotype",
    "block": "genotype",
    "build": "network",
    "calibrate": "network",
    "compare_studies": "analysis.compare",
    "cost": "genotype",
    "digest": "genotype",
    "draw": "drawing",
    "evaluator": "evaluate",
    "known": "zoo",
    "known_frame": "analysis.networks",
    "load_plugin": "plugins",
    "load_weights": "network",
    "loss_weights": "network",
    "measure": "api",
    "open_fit": "analysis.scaling",
    "open_study": "analysis.study",
    "predict_latency": "api",
    "preprocess": "network",
    "pareto_front": "analysis.fronts.front",
    "row_diff": "analysis.genotype_diff",
    "scale": "scaling",
    "search": "api",
    "space": "spaces",
    "strategy": "strategies",
    "trace": "genotype",
    "train": "api",
}

__all__ = ["__version__", *_HOMES]

_renamed.install()

if TYPE_CHECKING:
    from nasbench.analysis.compare import compare_studies
    from nasbench.analysis.fronts.front import pareto_front
    from nasbench.analysis.genotype_diff import row_diff
    from nasbench.analysis.networks import known_frame
    from nasbench.analysis.scaling import open_fit
    from nasbench.analysis.study import open_study
    from nasbench.api import measure, predict_latency, search, train
    from nasbench.drawing import draw
    from nasbench.evaluate import evaluator
    from nasbench.genotype import Block, Cost, Genotype, Layer, Style, adapt, block, cost, digest, trace
    from nasbench.network import build, calibrate, load_weights, loss_weights, preprocess
    from nasbench.plugins import load_plugin
    from nasbench.scaling import scale
    from nasbench.spaces import load_space as space
    from nasbench.strategies import strategy
    from nasbench.zoo import known


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"nasbench has no {name!r}; it has {', '.join(_HOMES)}")
    value = getattr(import_module(f"nasbench.{_HOMES[name]}"), "load_space" if name == "space" else name)
    globals()[name] = value  # so that the next look-up is direct
    return value


def _drawn(g: Any) -> str:
    svg: str = import_module("nasbench.drawing").draw(g).svg
    return svg


def _known(name: str) -> Any:
    return import_module("nasbench.zoo").known(name)


FINDERS["genotype"] = _known
PICTURES["Genotype"] = _drawn  # here, since this file alone may reach every package


def __dir__() -> list[str]:
    return sorted(__all__)

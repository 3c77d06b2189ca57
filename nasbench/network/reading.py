"""Reading the file of a state dict, without running any code that it holds."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from nasbench.errors import WeightsError, one_line, short

_RULE = "weights are a state dict in a .pth, .pt or .safetensors file"

# Where training programs keep the state dict in a checkpoint; averaged weights come first, since they are better.
_KEYS = ("state_dict_ema", "model_ema", "ema_state_dict", "ema", "state_dict", "model_state_dict", "model", "net", "weights", "params",
         "module", "network")  # fmt: skip
_DEEPEST = 4


class _Inert:
    """Stands for an object in a checkpoint that is neither a tensor nor plain data, such as the options of a training. It does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a file that `torch.save` or safetensors wrote.

    A checkpoint of a training may hold it under one of its usual keys, such as `state_dict` or `model`; averaged weights
    (`state_dict_ema`) are preferred. No code of the file is run: whatever else it holds, such as an `argparse.Namespace`, is left out.

    Raises:
        WeightsError: the file does not exist, or does not hold a state dict.
    """
    try:
        if not path.is_file():
            raise WeightsError(f"{_RULE}; {_named(path)} is {'a folder' if path.is_dir() else 'not there'}; give the path of a file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about old formats
            content = load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
    except WeightsError:
        raise
    except Exception as error:  # noqa: BLE001 - torch's reader fails in many ways on a file that is none of its own
        why = one_line(error).rstrip(".:")
        raise WeightsError(
            f"{_RULE}; {_named(path)} cannot be read as one ({why}); save the weights again with torch.save(net.state_dict())"
        ) from None
    return _state_in(content, path)


def _unpickled(path: Path) -> Any:
    try:
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    except Exception:  # noqa: BLE001 - the format of torch before 1.6 cannot be asked
        unknown = [f"{argparse.Namespace.__module__}.{argparse.Namespace.__qualname__}"]
    stubs: list[Any] = [(type("Inert", (_Inert,), {}), name) for name in unknown]
    with torch.serialization.safe_globals(stubs):
        return torch.load(path, map_location="cpu", weights_only=True)


def _state_in(content: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in what a file holds."""
    for _ in range(_DEEPEST):
        if not isinstance(content, Mapping) or any(isinstance(value, Tensor) for value in content.values()):
            break
        inner = next((content[key] for key in _KEYS if isinstance(content.get(key), Mapping) and content[key]), None)
        if inner is None:
            break
        content = inner
    if isinstance(content, _Inert) or (
        isinstance(content, Mapping) and any(isinstance(content.get(key), _Inert) for key in _KEYS) and not _tensors_in(content)
    ):
        raise WeightsError(
            f"{_RULE}; {_named(path)} holds an object of a class, such as a whole network, and nasbench runs no code of a file; load it "
            "where its code is, and save net.state_dict()"
        )
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(
            f"{_RULE}; {_named(path)} holds {'nothing' if isinstance(content, Mapping) else type(content).__name__}; save net.state_dict()"
        )
    if not _tensors_in(content):
        keys = ", ".join(short(key, 40) for key in list(content)[:5])
        raise WeightsError(f"{_RULE}; {_named(path)} holds no tensors under its keys {keys}; save net.state_dict()")
    return {str(name): value for name, value in content.items()}


def _tensors_in(content: Mapping[Any, Any]) -> bool:
    return any(isinstance(value, Tensor) for value in content.values())


def _named(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:200]}..."

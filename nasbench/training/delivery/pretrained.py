"""Pretrained weights of a known network: those of torchvision, from torch's cache or downloaded into it."""

from __future__ import annotations

import hashlib
import math
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

from nasbench.errors import GenotypeError, WeightsError, first_line
from nasbench.genotype import Genotype, adapt, class_count, digest, trace
from nasbench.zoo import facts, known

SILENT_S = 30.0  # after so many seconds without an answer a download has failed; torch itself would wait for minutes


def pretrained_file(network: Genotype) -> Path:
    """The file of torchvision's pretrained weights of a known network, in torch's cache (`TORCH_HOME`); a missing one is downloaded.

    A network has several: this is the one that torchvision calls DEFAULT. Its SHA-256 begins with the digits in its name, which is checked.

    Args:
        network: a known network, also with another input or another number of classes.

    Raises:
        WeightsError: it is not a known network, torchvision has no weights of it, or they are not in the cache and cannot be downloaded,
            or the file there is another one.
    """
    import torch

    name = _known_name(network)
    address = _address(name)
    if address is None:
        raise WeightsError(
            f"--pretrained takes torchvision's weights; it has none of {name}{_nearest(name)}; "
            "give the weights of another library with --weights FILE, or train without --pretrained"
        )
    file = Path(torch.hub.get_dir()) / "checkpoints" / os.path.basename(urlparse(address).path)
    if not file.is_file():
        _download(address, file, name)
    elif not hashlib.sha256(file.read_bytes()).hexdigest().startswith(_digits(file)):
        raise WeightsError(
            f"the SHA-256 of pretrained weights begins with the digits in their name; that of {file} does not, so it is damaged or "
            "another file; delete it, and the same command downloads it"
        )
    return file


def has_pretrained(name: str) -> bool:
    """Whether torchvision has pretrained weights of the known network `name`.

    >>> has_pretrained("mobilenet_v2"), has_pretrained("mobilenet_v2_140"), has_pretrained("lenet5")
    (True, False, False)
    """
    return _address(name) is not None


def _known_name(network: Genotype) -> str:
    """The known network that this is, whatever its name, its input and its number of classes."""
    names = {name for name in known() if name == network.name or has_pretrained(name)}
    found = next((name for name in sorted(names, key=lambda name: name != network.name) if _is_same(network, known(name))), None)
    if found is None:
        raise WeightsError(
            f"--pretrained takes torchvision's weights of a known network; {network.name} is not one; name one that is like it with --like "
            "KNOWN --slices, or give weights with --weights FILE"
        )
    return found


def _is_same(network: Genotype, other: Genotype) -> bool:
    try:
        return digest(adapt(network, other.input, class_count(trace(other), other.name))) == digest(other)
    except GenotypeError:  # shapes that do not meet at this input, or a network without logits
        return False


def _address(name: str) -> str | None:
    """Where torchvision keeps the pretrained weights of a known network; None if it has none.

    Only a constructor of the same name is asked: torchvision builds MobileNetV2 of other widths, but has no weights of them.
    """
    if not any(call.startswith(f"torchvision.models.{name}(") for call in facts()[name].references):
        return None
    from torchvision.models import get_model_weights

    weights = get_model_weights(name)
    return str(weights.DEFAULT.url) if len(weights) else None


def _nearest(name: str) -> str:
    """Advice: the network of the same family with weights whose number of parameters is nearest."""
    family = [other for other in known() if facts()[other].family == facts()[name].family and has_pretrained(other)]
    if not family:
        return ""
    return f"; the nearest that has is {min(family, key=lambda n: abs(math.log(facts()[n].params / facts()[name].params)))}"


def _digits(file: Path) -> str:
    """The digits of the SHA-256 in the name of a file of torchvision, such as `shufflenetv2_x0.5-f707e7126e.pth`."""
    from torch.hub import HASH_REGEX

    found = HASH_REGEX.search(file.name)
    return str(found[1]) if found else ""


def _download(address: str, file: Path, name: str) -> None:
    """Download a file whole or not at all.

    Raises:
        WeightsError: it cannot be downloaded or written, or its bits are not those that its name says.
    """
    import torch

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _patience(SILENT_S):
            torch.hub.download_url_to_file(address, str(file), _digits(file) or None, progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:  # RuntimeError: another SHA-256
        raise WeightsError(
            f"the pretrained weights of {name} are not in {file.parent} and cannot be downloaded ({first_line(error)}); put {address} "
            "there, or give a file with --weights FILE"
        ) from None


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Wait no longer for an answer of a server."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

"""An ONNX model under onnxruntime beside its torch network."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nasbench.errors import NasbenchError, one_line
from nasbench.genotype import Genotype
from nasbench.network.onnx.nodes import onnx_package

LIMIT = 1e-4  # of the error; two orders of the same float32 sum agree to about 1e-6, one wrong field shows as 1e-2 or more
ROUNDING = 8, 1e-3  # deep networks enlarge rounding: an error is accepted up to so many times torch's own, while that is below this
BLIND = 1e-3  # images whose logits are less apart than that hardly show what goes on before the last layer
IMAGES = 4


class UnclearError(NasbenchError):
    """Weights with which two exact ways to compute disagree, so that a comparison says nothing about a model."""


@dataclass(frozen=True)
class OnnxCheck:
    """The logits of a model compared with those of torch in float32.

    Attributes:
        error: largest difference of the logits, relative to the largest of them.
        agree: images whose largest logit is the same one.
        images: random images that both got.
        spread: largest difference between the logits of two images, relative like `error`; near 0 the comparison shows little.
        opset: the version of ONNX's operators, as the file says.
        batches: how many images went in at once.
        input_name, output_name, input_shape, output_shape: as the file says; an open size is a name.
    """

    error: float
    agree: int
    images: int
    spread: float
    opset: int
    batches: tuple[int, ...]
    input_name: str
    output_name: str
    input_shape: tuple[int | str, ...]
    output_shape: tuple[int | str, ...]

    @property
    def blind(self) -> bool:
        """Whether all images get nearly the same logits, so that an error could hide."""
        return self.spread < BLIND

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "blind": self.blind}


def check_onnx(model: bytes | Path, net: nn.Module, g: Genotype, images: int = IMAGES) -> OnnxCheck:
    """Compare a model, or the file that holds it, with `net` in inference mode on `images` random images or a few more.

    A model of an open batch gets the images one by one, and all at once. `net` is left as it was.

    Raises:
        UnclearError: the logits are not finite numbers, or torch's own in float32 and float64 are far apart.
        NasbenchError: onnx or onnxruntime is not installed; the file cannot be read, or is not a valid model of one input and
            output; the logits differ by more than `LIMIT` and than rounding explains.
    """
    onnx, runtime = onnx_package("onnx"), onnx_package("onnxruntime")
    data = _read(model) if isinstance(model, Path) else model
    try:
        proto = onnx.load_model_from_string(data)
        onnx.checker.check_model(proto, full_check=True)
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 4
        session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        (entry,), (end,) = session.get_inputs(), session.get_outputs()
    except Exception as cause:  # protobuf, the checker and onnxruntime have errors of their own
        raise NasbenchError(f"an ONNX file holds a valid model; {g.name} does not load: {one_line(cause)}; export it again") from cause
    size = entry.shape[0]
    batches = (size,) if isinstance(size, int) else (1, images)
    count = -(-images // batches[0]) * batches[0]
    image = torch.randn(count, *g.input, generator=torch.Generator().manual_seed(0))
    expected = _torch(net, image)
    if not np.isfinite(expected).all():
        raise UnclearError(f"logits are finite numbers; {g.name} gives NaN or infinity; export it with weights that were trained")
    error, agree = 0.0, count
    for batch in batches:
        logits = _onnx(session, entry.name, image, batch, g)
        if logits.shape != expected.shape:
            raise NasbenchError(f"a model returns logits in the shape of torch's; {g.name} gives {logits.shape}, torch {expected.shape}")
        if not np.isfinite(logits).all():
            raise NasbenchError(f"logits are finite numbers; {g.name} gives NaN or infinity, not in torch; please report this network")
        error = max(error, _relative(logits - expected, expected))
        agree = min(agree, int((logits.reshape(count, -1).argmax(1) == expected.reshape(count, -1).argmax(1)).sum()))
    opset = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    spread = max(_relative(expected - row, expected) for row in expected)
    check = OnnxCheck(error, agree, count, spread, opset, batches, entry.name, end.name, tuple(entry.shape), tuple(end.shape))
    if error > LIMIT:
        _judge(error, net, image, expected, g)
    return check


def _judge(error: float, net: nn.Module, image: Tensor, expected: NDArray[Any], g: Genotype) -> None:
    """Refuse an error that is not of the size by which torch in float32 is off itself, or where that is too large to tell.

    Some weights make a chaos of a deep network: with random running statistics EfficientNetV2-S's float32 logits in torch
    are half of the largest one off its float64 ones, with which the model agrees when it is run in float64.
    """
    message = f"logits under onnxruntime are within {LIMIT:g} of torch's; those of {g.name} differ by {error:.2g}"
    noise = _relative(_torch(net, image.double()) - expected, expected)
    times, most = ROUNDING
    if noise > most:
        raise UnclearError(
            f"{message}, but torch's own differ by {noise:.2g} from float64 to float32, so with these weights the comparison says nothing; "
            "export it with weights that were trained"
        )
    if error > times * noise:
        raise NasbenchError(f"{message}; please report this network")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NasbenchError(f"cannot read {path}: {error.strerror or error}; name an .onnx file") from error


@torch.no_grad()
def _torch(net: nn.Module, image: Tensor) -> NDArray[Any]:
    """The network's answer in the precision of `image`, in inference mode on the CPU; from a copy, where it has to be another's."""
    if net.training or next(net.parameters(), image).dtype != image.dtype or next(net.parameters(), image).device.type != "cpu":
        net = copy.deepcopy(net).to("cpu", image.dtype).eval()
    logits: NDArray[Any] = torch.cat([net(image[i : i + 1]) for i in range(len(image))]).numpy()
    return logits


def _onnx(session: Any, name: str, image: Tensor, batch: int, g: Genotype) -> NDArray[Any]:
    try:
        return np.concatenate([session.run(None, {name: image[i : i + batch].numpy()})[0] for i in range(0, len(image), batch)])
    except Exception as error:  # onnxruntime has errors of its own
        raise NasbenchError(f"a model runs on images of {g.name}; it does not: {one_line(error)}; export it again") from error


def _relative(difference: NDArray[Any], expected: NDArray[Any]) -> float:
    largest = float(np.abs(expected).max())
    return float(np.abs(difference).max()) / largest if largest else float(np.abs(difference).max())

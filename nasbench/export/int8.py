"""An 8-bit ONNX model beside the 32-bit one: delivered only where it is measured to be faster and hardly less accurate."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nasbench.errors import NasbenchError
from nasbench.export.trained import Trained
from nasbench.latency import machine_lock
from nasbench.training.batches import Batches, Statistics, resized
from nasbench.training.images import Images, subset

CALIBRATED = 256  # training images that say which values activations have
JUDGED = 2000  # images on which both models are compared, at most
ROUNDS, RUNS = 15, 10  # of the latency: so many runs of each model in turns
MOST_LOST = 0.005  # of the accuracy
FASTER = 0.95  # of the latency of the 32-bit model, at most
_BATCH = 100

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Int8Report:
    """Both models on the same images and the same machine.

    Attributes:
        accuracy, int8_accuracy: shares of `images` images that were classified correctly.
        ms, int8_ms: medians of the latency of one image in milliseconds; ratio: the median of their ratios in turns.
        bytes, int8_bytes: sizes of the files.
        kept: whether the images were kept for validation, or the network was trained on them.
    """

    accuracy: float
    int8_accuracy: float
    images: int
    kept: bool
    ms: float
    int8_ms: float
    ratio: float
    bytes: int
    int8_bytes: int

    @property
    def is_better(self) -> bool:
        """Whether the 8-bit model is worth its loss."""
        return self.ratio <= FASTER and self.accuracy - self.int8_accuracy <= MOST_LOST

    def words(self) -> str:
        """`8 bits: 0.71 times the latency (5.0 ms, 7.1 ms), 91.0% of 2000 validation images (91.2%), 1.3 MiB (5.0 MiB)`."""
        from nasbench.genotype.units import show_memory

        which = "validation" if self.kept else "training"
        return (
            f"8 bits: {self.ratio:.2f} times the latency ({self.int8_ms:.2f} ms, {self.ms:.2f} ms), {self.int8_accuracy:.1%} of "
            f"{self.images} {which} images ({self.accuracy:.1%}), {show_memory(self.int8_bytes)} ({show_memory(self.bytes)})"
        )


def int8_model(data: bytes, trained: Trained, images: Images) -> tuple[bytes, Int8Report]:
    """The 8-bit model, and how it compares with the 32-bit one. The machine should do nothing else.

    Activations are quantised with the ranges that they have on training images, weights channel by channel (onnxruntime's static
    quantisation).

    Args:
        data: the 32-bit model, for batches of any size.
        images: those that the network was trained for.

    Raises:
        NasbenchError: onnxruntime cannot quantise the model.
    """
    about = trained.preprocess
    shape = (len(about.mean), *about.input[1:])
    source = images.train if images.validation is None else images.validation
    judged = resized(subset(source, JUDGED, seed=1), shape)
    calibration = resized(subset(images.train, CALIBRATED, seed=0), shape)
    quantised = _quantised(data, trained, calibration)
    accuracies = [_accuracy(model, trained, judged) for model in (data, quantised)]
    with machine_lock():
        times = _times([_session(model) for model in (data, quantised)], next(_inputs(trained, judged, 1))[0])
    return quantised, Int8Report(
        accuracy=accuracies[0],
        int8_accuracy=accuracies[1],
        images=len(judged),
        kept=images.validation is not None,
        ms=statistics.median(times[0]),
        int8_ms=statistics.median(times[1]),
        ratio=statistics.median(b / a for a, b in zip(*times, strict=True)),
        bytes=len(data),
        int8_bytes=len(quantised),
    )


def _quantised(data: bytes, trained: Trained, calibration: Batches) -> bytes:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches = _inputs(trained, calibration, 16)

        def get_next(self) -> dict[str, Floats] | None:
            found = next(self._batches, None)
            return None if found is None else {"image": found[0]}

    with tempfile.TemporaryDirectory() as folder:
        first, ready, last = (Path(folder) / name for name in ("first.onnx", "ready.onnx", "last.onnx"))
        first.write_bytes(data)
        try:
            quant_pre_process(str(first), str(ready))
            quantize_static(
                str(ready),
                str(last),
                Reader(),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
            )
        except Exception as error:
            raise NasbenchError(f"onnxruntime cannot quantise {trained.genotype.name}: {error}; use model.onnx") from error
        return last.read_bytes()


def _inputs(trained: Trained, batches: Batches, size: int) -> Iterator[tuple[Floats, NDArray[np.int64]]]:
    """Images as the models read them, with their labels."""
    about = trained.preprocess
    statistics_of = Statistics(about.mean, about.std)
    for index in torch.split(torch.arange(len(batches)), size):
        pixels, labels = batches.plain(index, statistics_of)
        yield pixels.expand(-1, about.input[0], -1, -1).contiguous().numpy(), labels.numpy()


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _accuracy(model: bytes, trained: Trained, batches: Batches) -> float:
    session, correct = _session(model), 0
    for images, labels in _inputs(trained, batches, _BATCH):
        correct += int((session.run(None, {"image": images})[0].argmax(1) == labels).sum())
    return correct / len(batches)


def _times(sessions: list[Any], image: Floats) -> list[list[float]]:
    """Milliseconds of one image, for each session and round; the sessions take turns."""
    found: list[list[float]] = [[] for _ in sessions]
    for session in sessions:
        session.run(None, {"image": image})
    for _ in range(ROUNDS):
        for session, times in zip(sessions, found, strict=True):
            began = time.perf_counter()
            for _ in range(RUNS):
                session.run(None, {"image": image})
            times.append(1000 * (time.perf_counter() - began) / RUNS)
    return found

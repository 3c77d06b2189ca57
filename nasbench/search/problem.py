"""Everything that a search needs, ready."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nasbench.engines.open import Training, check_room
from nasbench.errors import StudyError
from nasbench.evaluate.train import TrainTask, evaluate_training
from nasbench.genotype import Genotype, adapt
from nasbench.latency import Device, Predictor, Profile
from nasbench.plugins import Plugin, loaded_plugins
from nasbench.search.config import VALIDATION, SearchConfig
from nasbench.search.limits import Metrics, figures
from nasbench.search.loop import Evaluate
from nasbench.search.measuring import Measure, measurable, measurer_for
from nasbench.spaces import Choose, ParameterValues, Space, load_space
from nasbench.strategies import strategy
from nasbench.training.data import load_images
from nasbench.training.images import Images
from nasbench.zoo import known

STARTS = ("mobilenet_v3_small", "mobilenet_v2", "mnasnet_a1", "mobilenet_v3_large", "efficientnet_b0")


@dataclass(frozen=True)
class Problem:
    """The request, its space and data, the device and its predictor, the user's own words.

    Attributes:
        evaluate: what a trial's process runs; a module's function. It returns a record with `status` and `accuracy`.
        measure: measures networks by name on the device; None is the real thing, where the device is here.
    """

    request: SearchConfig
    space: Space
    classes: int
    train_images: int
    images: str
    device: Device
    predictor: Predictor | None = None
    plugins: tuple[Plugin, ...] = ()
    evaluate: Evaluate = evaluate_training
    measure: Measure | None = None

    def predicting(self, profile: Profile) -> Problem:
        """The same, with latency predicted from a profile of the device."""
        return replace(self, predictor=Predictor(profile))

    @property
    def measurable(self) -> bool:
        """Whether networks can be measured: the device is here, or a node of the cluster."""
        return self.measure is not None or measurable(self.device, self.request.engine)

    def measurer(self, say: Callable[[str], None]) -> Measure | None:
        """What measures; None where the device is elsewhere."""
        return self.measure or measurer_for(self.device, self.request.engine, say)

    def decode(self, choose: Choose) -> Genotype:
        return adapt(self.space.decode(choose), classes=self.classes)

    def known(self) -> dict[str, Genotype]:
        """The known networks of the request, with the classes of the data."""
        return {name: adapt(known(name), classes=self.classes) for name in self.request.known}

    def figures(self, g: Genotype) -> Metrics:
        """
        Raises:
            StudyError: the task has no predictor yet.
            GenotypeError: shapes that do not meet.
        """
        if self.predictor is None:
            raise StudyError("figures need a predictor; give the task a profile with `predicting`")
        return figures(g, self.predictor.predict, self.device.precision)

    def starts(self) -> list[tuple[Genotype, ParameterValues]]:
        """Where a strategy begins: known networks that are points of the space, each at the largest resolution that may be inside.

        They are trained like any other trial and count like one. Lowering the resolution is MobileNet's own multiplier.
        """
        found = []
        limits = self.request.limits
        for name in STARTS:
            g = known(name)
            for size in sorted(self.space.resolution, reverse=True):
                smaller = adapt(g, input=(g.input[0], size, size))
                if size > g.input[1] or smaller not in self.space:
                    continue
                fitted = adapt(smaller, classes=self.classes)
                f = self.figures(fitted)
                side = limits.judge(f)
                if side == "inside" or (side == "unsure" and limits.latency_ms is not None and f.latency_ms <= limits.latency_ms):
                    found.append((fitted, self.space.encode(smaller)))
                    break
        return found

    def training(self, g: Genotype, folder: str, seed: int = 0, *, final: bool = False) -> TrainTask:
        return train_task(self.request, g, folder, seed, self.plugins, final=final)


def train_task(r: Training, g: Genotype, folder: str, seed: int, plugins: tuple[Plugin, ...], *, final: bool = False) -> TrainTask:
    """What a trial's process gets, as a request has it; one of a last round leaves its weights and names the test images."""
    return TrainTask(
        genotype=g.to_yaml(),
        folder=folder,
        data=r.data,
        root=r.data_root,
        recipe=r.recipe.to_dict(),
        seed=seed % 2**31,
        split_seed=r.seed,
        validation=VALIDATION,
        threads=r.engine.threads,
        device=r.engine.trains_on,
        save_weights=final,
        test=final,
        plugins=plugins,
    )


def prepare(request: SearchConfig, device: Device) -> Problem:
    """Load what the request names; the predictor comes later, since profiling takes longest.

    Raises:
        NasbenchError: an unknown space, network, strategy or data set; a machine that lacks what a trial asks for.
    """
    check_room(request.engine, request.workers)
    space = load_space(request.space)
    strategy(request.strategy, request.seed, **request.options)
    images = load_images(request.data, Path(request.data_root) if request.data_root else None, size=request.recipe.decoded_size)
    for name in request.known:
        known(name)
    train_images = int(len(images.train) * (1 - VALIDATION))
    return Problem(request, space, len(images.classes), train_images, fingerprint(images), device, plugins=loaded_plugins())


def fingerprint(images: Images) -> str:
    """Tells another data set, or another version of it, without reading all of a large one."""
    seen = hashlib.sha256(images.train.labels.numpy().tobytes())
    for chunk in itertools.islice(images.train.chunks(256), 4):
        seen.update(chunk.numpy().tobytes())
    return f"{images.name}, {len(images.train)} + {len(images.test)} images, {seen.hexdigest()[:12]}"

"""Pictures of studies by name, as `nasbench plot --what NAME` draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nasbench.analysis.compare import compare_studies
from nasbench.analysis.fronts.hypervolume import usable
from nasbench.analysis.plots.agreement import agreement_frame, plot_agreement
from nasbench.analysis.plots.compare import SIZE, fronts_picture, plot_fronts
from nasbench.analysis.plots.distribution import SIZES, draw_space, space_frame
from nasbench.analysis.plots.figure import save_picture
from nasbench.analysis.plots.genotypes import front_genotypes, plot_rows, rows_frame, table_size
from nasbench.analysis.plots.progress import plot_front_over_time, plot_progress, progress_frame
from nasbench.analysis.plots.relations import plot_relation, relation
from nasbench.analysis.plots.study import save_front, study_title
from nasbench.analysis.study import Study, open_study
from nasbench.errors import NasbenchError, StudyError, nearest
from nasbench.evaluate.measure import ACCURACY
from nasbench.genotype import Genotype, adapt, trace
from nasbench.spaces import load_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COSTS = ("macs", "params_count", "latency_ms")
_OF_ACCURACIES = ("time", "fronts", "cost", "networks")  # pictures that show percent


def draw(paths: Sequence[Path], what: str, out: Path, samples: int = 1000, anyway: bool = False) -> Path:
    """Write a picture of studies to a file.

    Args:
        paths: folders of studies; only the picture `front` takes several.
        what: a name of `PICTURES`.
        out: the file; its extension gives the format.
        samples: how many networks of the space the picture `space` samples.
        anyway: see `compare_studies`.

    Returns:
        The path of the file.

    Raises:
        NasbenchError: an unknown picture, or several studies for a picture of one study.
        StudyError: a study cannot be read, or has nothing to show yet.
    """
    if what not in PICTURES:
        raise NasbenchError(f"a picture is one of {', '.join(PICTURES)}; got {what!r}{nearest(what, PICTURES)}")
    if len(paths) > 1:
        if what != "front":
            raise NasbenchError(f"only the picture front shows several studies; got {len(paths)} for {what}; name one study")
        for path in paths:
            _check_measure(open_study(path), "front of several studies")
        picture = fronts_picture(compare_studies(paths, anyway=anyway))
        return save_picture(out, lambda figure: plot_fronts(picture, figure.subplots()), SIZE, f"fronts of {', '.join(picture)}")
    study = open_study(paths[0])
    if what != "space" and usable(study.trials()).empty:
        raise StudyError(f"a picture shows trained trials; {study.path} has none yet; wait for the first")
    if what in _OF_ACCURACIES:
        _check_measure(study, what)
    return PICTURES[what](study, out, samples)


def _check_measure(study: Study, what: str) -> None:
    """
    Raises:
        StudyError: the study holds scores in place of accuracies.
    """
    if study.measure != ACCURACY:
        raise StudyError(f"the picture {what} shows accuracies; {study.path} holds the score {study.measure}; --what front shows scores")


def _time(study: Study, out: Path, _: int) -> Path:
    progress = progress_frame(study.trials(), study.reference())

    def both(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        plot_progress(progress, "best_accuracy", left)
        plot_progress(progress, "hypervolume_ms", right)

    return save_picture(out, both, (11, 4.6), study_title(study))


def _fronts(study: Study, out: Path, _: int) -> Path:

    def draw_fronts(figure: Figure) -> None:
        plot_front_over_time(study.trials(), study.reference(), figure.subplots())

    return save_picture(out, draw_fronts, title=study_title(study))


def _cost(study: Study, out: Path, _: int) -> Path:
    trials = study.trials()
    searched = trials[trials["phase"] != "final"]

    def three(figure: Figure) -> None:
        for ax, column in zip(figure.subplots(1, 3, sharey=True), COSTS, strict=True):
            plot_relation(relation(searched, column), ax)
            ax.label_outer()

    return save_picture(out, three, (13, 4.6), study_title(study))


def _latency(study: Study, out: Path, _: int) -> Path:
    agreement = agreement_frame(study)
    if agreement.empty:
        raise StudyError(f"the picture shows measurements; {study.path} has none yet; wait until a network was measured")
    return save_picture(out, lambda figure: plot_agreement(agreement, study.limit_ms, figure.subplots()), (6.2, 6.6), study_title(study))


def _networks(study: Study, out: Path, _: int) -> Path:
    networks = front_genotypes(study.front())
    if not networks:
        raise StudyError(f"the picture shows the front; {study.path} has none yet; wait for a trained network")
    width, height = table_size(rows_frame(networks))
    return save_picture(out, lambda figure: plot_rows(networks, figure.subplots()), (width, height + 0.4), study_title(study))


def _space(study: Study, out: Path, samples: int) -> Path:
    command = study.command
    classes = _classes(study)
    frame = space_frame(
        load_space(command["space"]),
        samples,
        command.get("seed", 0),
        study.predictor(),
        lambda g: adapt(g, classes=classes) if classes else g,
    )
    limits = {"latency_ms": command.get("latency_ms"), "macs": command.get("macs"), "params_count": command.get("params")}
    given = {k: float(v) for k, v in limits.items() if v is not None}

    def draw_costs(figure: Figure) -> None:
        draw_space(frame, given, COSTS, figure.subplots(1, 3, sharey=True))

    return save_picture(out, draw_costs, SIZES[3], f"{study_title(study)}, {len(frame)} networks of the space")


def _classes(study: Study) -> int | None:
    """The number of classes of the study's networks; None before its first trial."""
    first = next((t.genotype for t in study.records() if t.genotype), None)
    return None if first is None else int(trace(Genotype.from_yaml(first))[-1].shape[0])


PICTURES: Mapping[str, Callable[[Study, Path, int], Path]] = {
    "front": lambda study, out, _: save_front(study, out),
    "time": _time,
    "fronts": _fronts,
    "cost": _cost,
    "latency": _latency,
    "networks": _networks,
    "space": _space,
}

"""A scaling fit as DataFrames, whether it still runs or has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from nasbench.analysis.study import Study, open_study
from nasbench.errors import StudyError
from nasbench.scaling_fit.config import CURVES, KIND
from nasbench.scaling_fit.curves import curve_points
from nasbench.scaling_fit.surface import Fit
from nasbench.study.directory import FIT_FILE, StudyDirectory

COEFFICIENTS = ("alpha", "beta", "gamma")
COLUMNS = ("direction", "size", "ratio", "macs", "params_count", "side_px", "latency_ms", "accuracy", "low", "high", "seeds")


class ScalingFit:
    """A scaling fit, open for reading.

    Attributes:
        study: The study of its trainings.
        report: The result of the fit, as in `fit.json`; empty before the fit has ended.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        try:
            self.report: dict[str, Any] = json.loads((study.path / FIT_FILE).read_text())
        except (OSError, ValueError):
            self.report = {}

    @property
    def about(self) -> dict[str, Any]:
        """All of `study.yaml`: `created`, `versions`, `git` and more."""
        return StudyDirectory.open(self.study.path).study

    @property
    def cost(self) -> str:
        """The cost that doubles in the fit: `MACs` or `latency`."""
        return str(self.study.command["cost"])

    @property
    def fit(self) -> Fit:
        """The fitted law.

        Raises:
            StudyError: the fit has not ended.
        """
        if not self.report:
            raise StudyError(f"a fit that has ended holds {FIT_FILE}; {self.study.path} does not; give the command that began it again")
        return Fit.from_json(self.report["fit"])

    def trials(self) -> pd.DataFrame:
        """One row per trial: phase, direction, size, ratio, shares of the three axes, side, MACs, latency, accuracy, seconds."""
        rows = []
        for t in self.study.records():
            if "direction" in t.more:
                d, w, r = t.more["shares"]
                row = {"phase": t.phase, "number": t.number, "status": t.status, "direction": t.more["direction"], "size": t.more["size"]}
                row |= {"ratio": t.more["ratio"], "depth_share": d, "width_share": w, "resolution_share": r, "side_px": t.more["side"]}
                row |= {"macs": t.macs, "params_count": t.params_count, "latency_ms": t.latency_ms, "accuracy": t.accuracy}
                rows.append(row | {"seconds": t.seconds})
        return pd.DataFrame(rows)

    def curves(self) -> pd.DataFrame:
        """One row per network of the curves: its mean accuracy over fresh seeds with the 95 % interval."""
        rows = []
        for p in curve_points(self.study.records(CURVES)):
            cells = (p.direction, p.size, p.ratio, p.macs, p.params, p.side, p.latency_ms)
            rows.append((*cells, p.accuracy, p.accuracy - p.half, p.accuracy + p.half, len(p.accuracies)))
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def coefficients(self) -> pd.DataFrame:
        """alpha, beta and gamma with their 95 % intervals, and the share of the growth that each axis takes."""
        fit = self.fit
        rows = []
        for axis, name in zip(("depth", "width", "resolution"), COEFFICIENTS, strict=True):
            c, share = getattr(fit, name), getattr(fit, axis)
            rows.append((axis, name, c.value, c.low, c.high, share.value, share.low, share.high))
        return pd.DataFrame(rows, columns=["axis", "coefficient", "value", "low", "high", "share", "share_low", "share_high"])

    def differences(self) -> pd.DataFrame:
        """At each size, the accuracy of the fitted law minus that of growth along one axis alone, with 95 % intervals."""
        return pd.DataFrame(self.report.get("differences", []))


def open_fit(path: str | Path) -> ScalingFit:
    """Open the scaling fit in the folder `path` for reading, while it runs or after its end.

    Raises:
        StudyError: there is no study in the folder, or it is a study of another kind.

    >>> fit = open_fit("studies/data/scaling-macs")
    >>> fit.coefficients()[["axis", "coefficient", "value", "share"]].round(3)
             axis coefficient  value  share
    0       depth       alpha  1.028   0.04
    1       width        beta  1.366   0.90
    2  resolution       gamma  1.021   0.06
    """
    study = open_study(path)
    if study.command.get("kind") != KIND:
        raise StudyError(f"a scaling fit is made by `nasbench scale fit`; {path} is a study of another kind; open it with open_study")
    return ScalingFit(study)

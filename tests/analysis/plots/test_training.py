"""The picture of a training: its data by equality, and that it is drawn with and without validation images."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasbench.analysis.plots.training import TrainingCurve, save_training_curve, training_curve

VALIDATED = "epoch,train_loss,accuracy,loss,lr,seconds\n1,2.0,0.25,1.9,0.1,3.0\n2,1.5,0.5,1.4,0.05,3.0\n"
ALONE = "epoch,train_loss,accuracy,loss,lr,seconds\n1,2.0,,,0.1,3.0\n"


def read(tmp_path: Path, text: str) -> TrainingCurve:
    import pandas as pd

    (tmp_path / "metrics.csv").write_text(text)
    return training_curve(pd.read_csv(tmp_path / "metrics.csv"))


def test_the_data_of_the_picture(tmp_path: Path) -> None:
    assert read(tmp_path, VALIDATED) == TrainingCurve([1, 2], [2.0, 1.5], [1.9, 1.4], [25.0, 50.0], [0.1, 0.05])
    assert read(tmp_path, ALONE) == TrainingCurve([1], [2.0], [], [], [0.1])


@pytest.mark.parametrize("text", [VALIDATED, ALONE])
def test_it_is_drawn(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    assert save_training_curve(tmp_path, "a network on some images").read_bytes().startswith(b"\x89PNG")

"""What a study stores of the training of its winner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.files import MALFORMED, number, read_json, write_atomic
from nasbench.training.delivery.summary import checked_summary

TRAINING_FILE, TRAINING = "training.json", "training"  # in the folder of the study


@dataclass(frozen=True)
class Delivery:
    """The training of a winner, as `training.json` of the study holds it.

    Attributes:
        digest: of the winner; time_s: seconds for its training; folder: of the training, in the folder of the study.
        summary: how it was trained and tested, once `best/` holds what came of it; None before.
    """

    digest: str
    time_s: float
    folder: str
    summary: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, study: Path) -> Delivery | None:
        """That of a study; None where there is none, or where the file is damaged: then the winner is trained again."""
        try:
            content = read_json(study / TRAINING_FILE)
            summary = None if content["summary"] is None else checked_summary(content["summary"])
            found = cls(str(content["digest"]), number(content["time_s"], above=0), str(content["folder"]), summary)
        except (OSError, *MALFORMED):
            return None
        inside = (study / found.folder).resolve().is_relative_to((study / TRAINING).resolve())
        return found if inside else None

    def save(self, study: Path) -> None:
        """Write the file."""
        write_atomic(study / TRAINING_FILE, json.dumps(vars(self), indent=1) + "\n")


def delivered(study: Path, winner: str) -> Mapping[str, Any] | None:
    """How `best/` was trained for use, if it holds this network as it was trained; else None.

    Args:
        winner: the digest of the network.
    """
    found = Delivery.read(study)
    return found.summary if found is not None and found.digest == winner else None

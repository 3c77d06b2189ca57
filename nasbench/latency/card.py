"""Card: the promise about a network's latency, and what was measured. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, digest
from nasbench.latency.device import Device
from nasbench.latency.measurement import Measurement
from nasbench.latency.predict import Prediction

FORMAT = "nasbench card"
VERSION = 1


@dataclass(frozen=True)
class Card:
    """One network's latency against a target, on one device.

    Attributes:
        name, digest: of the network.
        target_ms: the budget.
        device: where it holds, with the versions of torch, python and nasbench.
        predicted: before it was built; None where nothing was predicted.
        measured: median, interval, n and verdict.
    """

    name: str
    digest: str
    target_ms: float
    device: Device
    predicted: Prediction | None
    measured: Measurement | None

    @property
    def met(self) -> bool | None:
        """Whether the median is within the target, of a noisy measurement its whole interval; None before it is measured."""
        return None if self.measured is None else self.measured.within(self.target_ms)

    @property
    def sure(self) -> bool:
        """Whether the whole interval of the median is within the target."""
        return self.measured is not None and self.measured.high_ms <= self.target_ms

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "digest": self.digest,
            "target_ms": self.target_ms,
            "met": self.met,
            "device": self.device.to_json(),
            "predicted": None if self.predicted is None else self.predicted._asdict(),
            "measured": None if self.measured is None else asdict(self.measured),
        }

    @classmethod
    def from_json(cls, data: Any, where: str = "the data") -> Card:
        """From `to_json`'s data.

        Raises:
            DeviceError: another format or version, or a part that is missing or impossible.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DeviceError(f"{where} is no {FORMAT}; name a card.json of a study")
        if data.get("version") != VERSION:
            raise DeviceError(f"this nasbench reads version {VERSION} of cards; {where} is version {data.get('version')!r}")
        try:
            predicted, measured = data["predicted"], data["measured"]
            return cls(
                name=str(data["name"]),
                digest=str(data["digest"]),
                target_ms=float(data["target_ms"]),
                device=Device.from_json(data["device"]),
                predicted=None if predicted is None else Prediction(**{**predicted, "extrapolated": tuple(predicted["extrapolated"])}),
                measured=None if measured is None else Measurement(**{f.name: measured[f.name] for f in fields(Measurement)}),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DeviceError):
                raise
            raise DeviceError(f"{where} lacks a part of a card: {error!r}; write it again") from error


def make_card(g: Genotype, target_ms: float, device: Device, measured: Measurement | None, predicted: Prediction | None = None) -> Card:
    """The card of a measured network."""
    return Card(g.name, digest(g), target_ms, device, predicted, measured)


def save_card(card: Card, path: Path) -> None:
    """Write the card as JSON, whole or not at all."""
    write_atomic(path, json.dumps(card.to_json(), indent=2) + "\n")


def load_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        DeviceError: no such file, or no card in it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeviceError(f"cannot read the card {path}: {error.strerror}; name a card.json of a study") from error
    except ValueError as error:
        raise DeviceError(f"a card is JSON; {path} is damaged: {error}; write it again") from error
    return Card.from_json(data, str(path))

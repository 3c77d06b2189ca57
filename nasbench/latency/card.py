"""Card: a network, the promise about its latency, and what was measured. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError, NasbenchError
from nasbench.files import checksum, write_atomic
from nasbench.genotype import Genotype, digest
from nasbench.latency.contract import meets_limit, side
from nasbench.latency.device import Device
from nasbench.latency.measurement import Measurement
from nasbench.latency.measuring.reference_network import ANCHOR
from nasbench.latency.predicting.predict import Prediction

FORMAT = "nasbench card"
VERSION = 3


@dataclass(frozen=True)
class Card:
    """One network's latency against a target, on one device.

    Attributes:
        genotype: the network, as YAML.
        target_ms: the budget.
        device: where it holds, with the versions of what changes latencies there.
        predicted: before it was built; None where nothing was predicted.
        measured: median, interval, n and verdict; None until it is measured on a device that is elsewhere.
    """

    genotype: str
    target_ms: float
    device: Device
    predicted: Prediction | None = None
    measured: Measurement | None = None

    @property
    def network(self) -> Genotype:
        """The network."""
        return Genotype.from_yaml(self.genotype)

    @property
    def name(self) -> str:
        """Of the network."""
        return self.network.name

    @property
    def digest(self) -> str:
        """Of the network."""
        return digest(self.network)

    @property
    def met(self) -> bool | None:
        """Whether the measured median is within the target, of a noisy measurement its whole interval; None before it is measured."""
        return None if self.measured is None else meets_limit(self.measured, self.target_ms)

    @property
    def sure(self) -> bool:
        """Whether the whole interval of the median is within the target."""
        return self.measured is not None and side(self.measured.low_ms, self.measured.high_ms, self.target_ms) == "inside"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        g = self.network
        body = {
            "name": g.name,
            "digest": digest(g),
            "target_ms": self.target_ms,
            "met": self.met,
            "device": self.device.to_json(),
            "predicted": None if self.predicted is None else self.predicted._asdict(),
            "measured": None if self.measured is None else self.measured.to_json(),
            "anchor": digest(ANCHOR),
            "genotype": self.genotype,
        }
        return {"format": FORMAT, "version": VERSION, "sha256": checksum(body), **body}

    @classmethod
    def from_json(cls, data: Any, where: str = "the data") -> Card:
        """From `to_json`'s data.

        Raises:
            DeviceError: another format or version, a part that is missing, impossible or changed, or another anchor network.
            GenotypeError: a network that cannot be, or whose words are not loaded.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DeviceError(f"{where} is no {FORMAT}; name a card.json of a study")
        if data.get("version") != VERSION:
            raise DeviceError(
                f"this nasbench reads version {VERSION} of cards; {where} is version {data.get('version')!r}; "
                "read it with the nasbench that wrote it, or search again"
            )
        body = {k: v for k, v in data.items() if k not in ("format", "version", "sha256")}
        if data.get("sha256") != checksum(body):
            raise DeviceError(f"{where} was changed after it was written: its checksum differs; restore it from a copy, or search again")
        try:
            card = cls(str(data["genotype"]), float(data["target_ms"]), Device.from_json(data["device"]), *_timings(data))
            said, anchor = str(data["digest"]), data["anchor"]
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, NasbenchError):
                raise
            raise DeviceError(f"{where} lacks a part of a card: {error!r}; write it again") from error
        if card.digest != said:
            raise DeviceError(f"a card's digest is its network's; {where} says {said}, the network in it has {card.digest}; search again")
        if anchor != digest(ANCHOR):
            raise DeviceError(f"{where} was measured beside another anchor network, by another nasbench; search again")
        return card


def _timings(data: Mapping[str, Any]) -> tuple[Prediction | None, Measurement | None]:
    predicted, measured = data["predicted"], data["measured"]
    return (
        None if predicted is None else Prediction(**{**predicted, "extrapolated": tuple(predicted["extrapolated"])}),
        None if measured is None else Measurement(**{f.name: measured[f.name] for f in fields(Measurement)}),
    )


def make_card(
    g: Genotype, target_ms: float, device: Device, measured: Measurement | None = None, predicted: Prediction | None = None
) -> Card:
    """The card of a network; without a measurement, that of one which is still to be measured on a device elsewhere."""
    return Card(g.to_yaml(), target_ms, device, predicted, measured)


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

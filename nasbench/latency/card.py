"""Card: a network, its latency limit, and what was predicted and measured on the device. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.errors import DeviceError, NasbenchError, short
from nasbench.files import MALFORMED, checksum, number, read_json, write_atomic
from nasbench.genotype import Genotype, digest
from nasbench.latency.contract import meets_limit, side
from nasbench.latency.device import Device
from nasbench.latency.measurement import Measurement
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.predicting.predict import Prediction
from nasbench.latency.weights import conditions

FORMAT = "nasbench card"
VERSION = 3


@dataclass(frozen=True)
class Card:
    """The latency of one network and its limit, on one device: all that is needed to verify them again.

    Attributes:
        genotype: the network, as YAML.
        limit_ms: the latency limit (`target_ms` in the file).
        device: the device for which the latency holds, with the versions of everything that changes latencies there.
        predicted: prediction made before the network was built; None if there was none.
        measured: measurement on the device; None until a card for a device that is elsewhere, or was too busy, is verified there.
        weights: SHA-256 of the delivered weights with which it was measured; empty for random weights.
        unverified: why the network was not measured, where it should have been; empty for a card that is complete, and for a device that
            is elsewhere.
    """

    genotype: str
    limit_ms: float
    device: Device
    predicted: Prediction | None = None
    measured: Measurement | None = None
    unverified: str = ""
    weights: str = ""

    @property
    def network(self) -> Genotype:
        """The network as a genotype."""
        return Genotype.from_yaml(self.genotype)

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network.name

    @property
    def digest(self) -> str:
        """The network's digest."""
        return digest(self.network)

    @property
    def met(self) -> bool | None:
        """Whether the measurement meets the limit, see `contract.meets_limit`; None before it is measured."""
        return None if self.measured is None else meets_limit(self.measured, self.limit_ms)

    @property
    def sure(self) -> bool:
        """Whether the whole interval of the measured median is within the limit."""
        return self.measured is not None and side(self.measured.low_ms, self.measured.high_ms, self.limit_ms) == "inside"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        g = self.network
        body = {
            "name": g.name,
            "digest": digest(g),
            "target_ms": self.limit_ms,
            "met": self.met,
            "device": self.device.to_json(),
            "predicted": None if self.predicted is None else self.predicted._asdict(),
            "measured": None if self.measured is None else self.measured.to_json(),
            "anchor": digest(REFERENCE),
            "genotype": self.genotype,
            **({"unverified": self.unverified} if self.unverified else {}),
            **({"weights": self.weights} if self.weights else {}),
            **({"conditions": conditions(self.device, self.weights)} if self.measured is not None else {}),
        }
        return {"format": FORMAT, "version": VERSION, "sha256": checksum(body), **body}

    @classmethod
    def from_json(cls, data: Any, where: str = "the data") -> Card:
        """The card in what `to_json` returned.

        Args:
            where: what the data is called in errors, such as its file.

        Raises:
            DeviceError: another format or version; a part that is missing, impossible or changed; or another reference network.
            GenotypeError: an invalid network, or one whose block types are not loaded.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise DeviceError(f"{where} is not a {FORMAT}; name a card.json of a study")
        if data.get("version") != VERSION:
            raise DeviceError(
                f"this nasbench reads version {VERSION} of cards; {where} is version {short(data.get('version'))}; "
                "read it with the nasbench that wrote it, or search again"
            )
        body = {k: v for k, v in data.items() if k not in ("format", "version", "sha256")}
        if data.get("sha256") != checksum(body):
            raise DeviceError(f"{where} was changed after it was written: its checksum differs; restore it from a copy, or search again")
        try:
            card = cls(
                str(data["genotype"]),
                float(number(data["target_ms"], above=0)),
                Device.from_json(data["device"]),
                *_timings(data),
                str(data.get("unverified", "")),
                str(data.get("weights", "")),
            )
            written, reference = str(data["digest"]), data["anchor"]
        except MALFORMED as error:
            if isinstance(error, NasbenchError):
                raise
            raise DeviceError(f"{where} lacks a part of a card: {short(error)}; write it again") from error
        if card.digest != written:
            raise DeviceError(
                f"a card holds the digest of its network; {where} holds {written}, its network has {card.digest}; search again"
            )
        if reference != digest(REFERENCE):
            raise DeviceError(f"{where} was measured with another reference network, by another nasbench; search again")
        return card


def _timings(data: Mapping[str, Any]) -> tuple[Prediction | None, Measurement | None]:
    predicted, measured = data["predicted"], data["measured"]
    return (None if predicted is None else _prediction(predicted), None if measured is None else Measurement.from_json(measured))


def _prediction(data: Mapping[str, Any]) -> Prediction:
    ms, low, high = (number(data[name], above=0) for name in ("ms", "low_ms", "high_ms"))
    return Prediction(ms, low, high, tuple(str(text) for text in data["extrapolated"]))


def make_card(
    g: Genotype,
    limit_ms: float,
    device: Device,
    measured: Measurement | None = None,
    predicted: Prediction | None = None,
    unverified: str = "",
    weights: str = "",
) -> Card:
    """The card of a network. By default it has no measurement yet: the device is elsewhere or too busy, and `verify` there adds one."""
    return Card(g.to_yaml(), limit_ms, device, predicted, measured, unverified, weights)


def save_card(card: Card, path: Path) -> None:
    """Write the card as JSON, whole or not at all."""
    write_atomic(path, card_text(card))


def card_text(card: Card) -> str:
    """The card as the text of its file."""
    return json.dumps(card.to_json(), indent=2) + "\n"


def load_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        DeviceError: the file does not exist or does not hold a card.
    """
    try:
        data = read_json(path)
    except OSError as error:
        raise DeviceError(f"cannot read the card {path}: {error.strerror}; name a card.json of a study") from error
    except ValueError as error:
        raise DeviceError(f"a card is JSON; {path} is damaged: {error}; write it again") from error
    return Card.from_json(data, str(path))

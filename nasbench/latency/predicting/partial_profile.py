"""What was timed of a profile that is not finished: kept on disk, so that a killed profiling goes on. No torch."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from nasbench.errors import DeviceError
from nasbench.genotype import digest
from nasbench.latency.device import Device
from nasbench.latency.measuring.reference_network import ANCHOR
from nasbench.latency.predicting.profile import VERSION, profile_path

FRESH_S = 24 * 3600.0  # older timings are of another day's machine

Found = dict[str, dict[str, Any]]


class Kept:
    """A file of JSON lines beside the device's profile: one for each group of networks that was timed.

    Attributes:
        found: visits, passes and calls by the digest of the network.
        groups: how many groups were timed.
    """

    def __init__(self, device: Device) -> None:
        self.path = profile_path(device).with_suffix(".part")
        self._head = {"version": VERSION, "device": device.key, "anchor": digest(ANCHOR)}
        self.found: Found = {}
        self.groups = 0
        for line in self._lines():
            self.found |= line["networks"]
            self.groups = max(self.groups, line["group"] + 1)

    def add(self, networks: Mapping[str, Any]) -> None:
        """Keep what was found of a group, by digest.

        Raises:
            DeviceError: the file cannot be written.
        """
        line = json.dumps({**self._head, "group": self.groups, "networks": networks})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Lines that were of no use go with the first one; one that was torn must not take the next with it.
            with open(self.path, "a" if self.groups else "w", encoding="utf-8") as file:
                file.write(f"\n{line}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeviceError(
                f"cannot write {self.path}: {error.strerror}; set NASBENCH_CACHE to a folder you may write to, with some space left"
            ) from error
        self.found |= networks
        self.groups += 1

    def clear(self) -> None:
        """The profile is made, or its timings are not wanted."""
        self.path.unlink(missing_ok=True)
        self.found, self.groups = {}, 0

    def _lines(self) -> list[dict[str, Any]]:
        try:
            if time.time() - self.path.stat().st_mtime > FRESH_S:
                return []
            text = self.path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return []
        found = []
        for line in text.splitlines():
            try:
                data = json.loads(line)
            except ValueError:
                continue  # torn when its writer died
            if isinstance(data, dict) and {k: data.get(k) for k in self._head} == self._head and _whole(data):
                found.append(data)
        return found


def _whole(data: Mapping[str, Any]) -> bool:
    networks = data.get("networks")
    return isinstance(data.get("group"), int) and isinstance(networks, dict) and all(map(_timed, networks.values()))


def _timed(network: Any) -> bool:
    if not isinstance(network, dict):
        return False
    visits, passes = network.get("visits"), network.get("passes")
    return "calls" in network and isinstance(visits, list) and isinstance(passes, list) and len(visits) == len(passes) > 0

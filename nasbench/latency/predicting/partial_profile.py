"""The timings of an unfinished profile, stored on disk so that a killed profiling can go on. No torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from nasbench.errors import DeviceError
from nasbench.files import JsonLines
from nasbench.genotype import digest
from nasbench.latency.device import Device
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.predicting.profile import VERSION, profile_path

FRESH_S = 24 * 3600.0  # older timings are not used: the machine may have changed since

Timings = dict[str, dict[str, Any]]  # rounds (`visits` in the file), passes and calls of networks; see `worker.profile`


class PartialProfile:
    """A file beside the device's profile, with a line for each group of networks that was timed.

    Attributes:
        path: the file.
        networks: timings by the digest of the network.
        groups: number of groups that were timed.
    """

    def __init__(self, device: Device) -> None:
        self.path = profile_path(device).with_suffix(".part")
        self._file = JsonLines(self.path)
        self._head = {"version": VERSION, "device": device.key, "anchor": digest(REFERENCE)}
        self.networks: Timings = {}
        self.groups = 0
        for line in self._lines():
            self.networks |= line["networks"]
            self.groups = max(self.groups, line["group"] + 1)
        if not self.groups:
            self._file.restart()  # its lines are of no use

    def add(self, networks: Mapping[str, Any]) -> None:
        """Store the timings of a group, by digest.

        Raises:
            DeviceError: the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file.append([{**self._head, "group": self.groups, "networks": networks}])
        except OSError as error:
            raise DeviceError(
                f"cannot write {self.path}: {error.strerror}; set NASBENCH_CACHE to a folder you may write to, with some space left"
            ) from error
        self.networks |= networks
        self.groups += 1

    def clear(self) -> None:
        """Delete the file: the profile is complete."""
        self.path.unlink(missing_ok=True)
        self._file.restart()
        self.networks, self.groups = {}, 0

    def _lines(self) -> list[dict[str, Any]]:
        try:
            if time.time() - self.path.stat().st_mtime > FRESH_S:
                return []
            lines = self._file.read(skip_damaged=True)
        except OSError:
            return []
        return [line for line in lines if isinstance(line, dict) and {k: line.get(k) for k in self._head} == self._head and _complete(line)]


def _complete(line: Mapping[str, Any]) -> bool:
    networks = line.get("networks")
    return isinstance(line.get("group"), int) and isinstance(networks, dict) and all(map(_timed, networks.values()))


def _timed(network: Any) -> bool:
    if not isinstance(network, dict):
        return False
    rounds, passes = network.get("visits"), network.get("passes")
    return "calls" in network and isinstance(rounds, list) and isinstance(passes, list) and len(rounds) == len(passes) > 0

"""A family from its configuration to its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype
from nasbench.latency import Device, DeviceConfig, Predictor, Profile, is_local, save_profile
from nasbench.scaling import Law
from nasbench.scaling_fit.family.candidates import family_candidates
from nasbench.scaling_fit.family.delivery import deliver_family
from nasbench.scaling_fit.family.finder import FamilyFinder
from nasbench.scaling_fit.family.member import Member
from nasbench.search.device_profile import DEFAULT_SPACE, obtain_profile
from nasbench.search.measuring import Measure, measurer
from nasbench.search.reporting import Listener
from nasbench.spaces import load_space
from nasbench.study.directory import PROFILE_FILE, StudyDirectory
from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements

KIND = "scale targets"  # of the study, in study.yaml
MOST_LIMITS = 32


@dataclass(frozen=True, kw_only=True)
class FamilyConfig:
    """A family, complete: the same configuration gives the same study.

    Attributes:
        network: the name or path of the base network, as given.
        genotype: the base network itself, which the study stores.
        law: the scaling law along which the networks lie.
        limits_ms: the latency limits in milliseconds.
        device: the device that the limits are meant for.

    Raises:
        NasbenchError: two equal limits, or more than 32.
    """

    network: str
    genotype: Genotype
    law: Law
    limits_ms: tuple[float, ...]
    device: DeviceConfig = field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        count = len(self.limits_ms)
        if len(set(self.limits_ms)) != count or count > MOST_LIMITS:
            raise NasbenchError(f"--targets are at most {MOST_LIMITS} different latencies; got {count}; leave some out")

    def command(self, device: str) -> dict[str, Any]:
        """As `study.yaml` stores it; two configurations with the same command are the same study.

        Args:
            device: the key of the device.
        """
        return {
            "kind": KIND,
            "network": self.network,
            "genotype": self.genotype.to_yaml(),
            "targets_ms": sorted(self.limits_ms),
            "law": [self.law.alpha, self.law.beta, self.law.gamma],
            "device": device,
            "device_choice": self.device.to_json(),
        }

    def name(self) -> str:
        """The default name of the study: `family-mobilenet_v2`."""
        return f"family-{Path(self.network).stem}"


@dataclass(frozen=True)
class FamilyOutcome:
    """The members of a family, the smallest limit first; `rows` are the members as in `family.json`."""

    members: list[Member]
    rows: list[dict[str, Any]]


def run_family(
    config: FamilyConfig, path: Path, device: Device, profile: Profile | None, listener: Listener, measure: Measure | None = None
) -> FamilyOutcome:
    """Find the family, or continue, and write its files to the study at `path`.

    Args:
        device: the device of the configuration.
        profile: its profile; default: the stored one, or a new one.
        measure: measures networks; default: on this machine, where the device is here.

    Raises:
        NasbenchError: see `StudyDirectory.create`; a device that cannot be profiled; a law that does not grow.
    """
    with StudyDirectory.create(path, config.command(device.key)) as directory:
        try:
            profile = profile or obtain_profile(device, load_space(DEFAULT_SPACE), listener)
        except NasbenchError:
            directory.discard()
            raise
        save_profile(profile, path / PROFILE_FILE)
        listener.stage("networks along the law")
        candidates = family_candidates(config.genotype, config.law, Predictor(profile), min(config.limits_ms), max(config.limits_ms))
        measurements = Measurements(path / MEASUREMENTS_FILE, profile.reference_ms)
        if measure is None and is_local(device):
            measure = measurer(device, listener.say)
        members = FamilyFinder(candidates, config.limits_ms, measure, measurements, listener.say).find()
        return FamilyOutcome(members, deliver_family(path, config.genotype, config.law, members, device))

"""The files of a family: `family.json`, and the genotype and the card of each member."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasbench.files import write_atomic
from nasbench.genotype import Genotype, cost
from nasbench.latency import Device, make_card, save_card
from nasbench.scaling import Law
from nasbench.scaling_fit.family.member import LEAST_USED, Member

FAMILY_FILE = "family.json"
GENOTYPE_FILE, CARD_FILE = "genotype.yaml", "card.json"  # of a member


def deliver_family(path: Path, base: Genotype, law: Law, members: Sequence[Member], device: Device) -> list[dict[str, Any]]:
    """Write `family.json`, and for each member files such as `10ms/genotype.yaml` and `10ms/card.json`.

    Files that an earlier run left for a limit without a member are deleted.

    Returns:
        The members as in `family.json`.
    """
    rows = []
    for member in members:
        directory = path / f"{member.limit_ms:g}ms"
        if member.candidate is None:
            for name in (GENOTYPE_FILE, CARD_FILE):
                (directory / name).unlink(missing_ok=True)
        else:
            directory.mkdir(exist_ok=True)
            g = replace(member.candidate.genotype, name=f"{base.name}-{member.limit_ms:g}ms"[:100])
            write_atomic(directory / GENOTYPE_FILE, g.to_yaml())
            save_card(make_card(g, member.limit_ms, device, member.again, member.candidate.predicted), directory / CARD_FILE)
        rows.append(member_row(member))
    counts = cost(base)
    data = {
        "base": base.name,
        "base_macs": counts.macs,
        "base_params": counts.params,
        "device": str(device),
        "law": {"alpha": law.alpha, "beta": law.beta, "gamma": law.gamma},
        "least_used": LEAST_USED,
        "members": rows,
    }
    write_atomic(path / FAMILY_FILE, json.dumps(data, indent=1) + "\n")
    return rows


def member_row(member: Member) -> dict[str, Any]:
    """A member as plain data, for scripts."""
    row: dict[str, Any] = {"target_ms": member.limit_ms, "kept": member.kept, "used": member.used, "why": member.why}
    candidate = member.candidate
    if candidate is None:
        return row
    counts = cost(candidate.genotype)
    return row | {
        "phi": candidate.phi,
        "depth": candidate.factors.depth,
        "width": candidate.factors.width,
        "resolution": candidate.genotype.input[1],
        "nudged_px": candidate.resolution_offset_px,
        "params": counts.params,
        "macs": counts.macs,
        "activations": counts.activations,
        "layers": counts.depth,
        "digest": candidate.digest,
        "predicted_ms": candidate.predicted.ms,
        "measured": None if member.measured is None else member.measured.to_json(),
        "again": None if member.again is None else member.again.to_json(),
    }

"""The command `verify`: is the latency on a card still true?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli.shared import JSON, MISSED, say, show_json, table, warn
from nasbench.errors import DeviceError, NasbenchError
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.latency import Measurement
    from nasbench.latency.verify import Verification

VERDICT = {"kept": "kept", "missed": "missed", "unsure": "too noisy for a verdict"}


def register(app: typer.Typer) -> None:
    app.command()(verify)


def verify(card: Annotated[Path, typer.Argument(help="A card.json, or a study's folder.")], as_json: bool = JSON) -> int:
    """Measure a card's network again on this machine, and compare with its latency limit.

    Exit code 0 if the limit is kept, 3 if it is missed, 2 if the machine is too noisy for a verdict.

    Example: nasbench verify runs/mbconv-20ms/best/card.json
    """
    from nasbench.latency import load_card, save_card
    from nasbench.latency.verify import verify_card
    from nasbench.latency.weights import WEIGHTS_FILE

    path = card / "best" / "card.json" if card.is_dir() else card
    stored = load_card(path)
    with Reporter() as reporter:
        reporter.stage(f"measuring {stored.name} on {stored.device}")
        verification = verify_card(stored, path.parent / WEIGHTS_FILE, progress=reporter.rounds, say=reporter.say)
    written = verification.card != stored
    if written:
        save_card(verification.card, path)
        _tell_study(verification, path)
    if as_json:
        show_json({"card": str(path), "written": written, **verification.to_json()})
    else:
        _show(verification, path, written, stored.unverified)
    if verification.verdict == "unsure":
        raise DeviceError(_unsure(verification))
    return 0 if verification.verdict == "kept" else MISSED


def _tell_study(v: Verification, path: Path) -> None:
    """Store the measurement in the study whose card this is, if it is one's."""
    from nasbench.search.final.verified import store_verification, study_of_card

    study = study_of_card(path)
    if study is not None:
        try:
            store_verification(study, v)
        except NasbenchError as error:  # the card has it
            warn(f"the card was completed, and the study was not: {error}")


def _unsure(v: Verification) -> str:
    """Why there is no verdict, and who is to be stopped."""
    from nasbench.latency.measuring import other_work

    m = v.at_card_speed
    if v.now.disturbed:
        return f"a verdict needs a quiet machine; {v.now.why}: {other_work.other_work()}; stop that and verify again"
    return (
        f"a verdict needs a quieter machine; {m.low_ms:.3g} to {m.high_ms:.3g} ms holds the limit {v.card.limit_ms:g} ms, "
        f"spread {v.now.spread:.0%} ({v.now.why}); stop other work and verify again"
    )


def _show(v: Verification, path: Path, written: bool, unverified: str) -> None:
    say(f"{v.card.name} on {v.card.device}")
    if unverified:
        say(f"not measured until now: {unverified}")
    p = v.card.predicted
    rows = [("limit", f"{v.card.limit_ms:g} ms", "")]
    if v.before is None and p is not None:
        rows.append(("on the card", f"{p.ms:.2f} ms", f"{p.low_ms:.2f} to {p.high_ms:.2f} ms, predicted"))
    if v.before is not None:
        rows.append(("on the card", *_cells(v.before)))
        rows.append(("now, at the card's speed", *_cells(v.at_card_speed)))
    rows.append(("now", *_cells(v.now)))
    table(("", ">latency", "95 % interval, rounds"), rows)
    say(f"measured now with {v.conditions}")
    if v.card.weights and v.weights is not None and v.weights.sha256 != v.card.weights:
        say(f"note: {v.weights.path} is not the file with which the card was measured")
    if v.before is not None:
        ratio = v.now.reference_ms / v.before.reference_ms
        say(f"the reference network now takes {ratio:.2f} times as long on this machine as when the card was measured")
    if written:
        say(f"the card had no measurement; this one was written into {path}")
    elif v.before is None:
        say("the card had no measurement; this one is noisy and was not written")
    say(VERDICT[v.verdict])


def _cells(m: Measurement) -> tuple[str, str]:
    return f"{m.median_ms:.2f} ms", f"{m.low_ms:.2f} to {m.high_ms:.2f} ms, {m.n}{'; noisy: ' + m.why if m.noisy else ''}"

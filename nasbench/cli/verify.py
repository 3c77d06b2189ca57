"""verify: is what a card promises still true?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli.shared import JSON, MISSED, say, show_json, table
from nasbench.errors import DeviceError
from nasbench.progress import Reporter

if TYPE_CHECKING:
    from nasbench.latency import Measurement
    from nasbench.latency.verify import Verified


def register(app: typer.Typer) -> None:
    app.command()(verify)


def verify(card: Annotated[Path, typer.Argument(help="A card.json, or a study's folder.")], as_json: bool = JSON) -> int:
    """Measure a card's network again on this machine, and compare with its target.

    Exit code 0 if the target is kept, 3 if it is missed, 2 if the machine is too noisy to say.

    Example: nasbench verify runs/mbconv-20ms/best/card.json
    """
    from nasbench.latency import load_card, save_card
    from nasbench.latency.verify import verify_card

    path = card / "best" / "card.json" if card.is_dir() else card
    promised = load_card(path)
    with Reporter() as reporter:
        reporter.stage(f"measuring {promised.name} on {promised.device}")
        found = verify_card(promised, progress=reporter.rounds, say=reporter.say)
    if found.card != promised:
        save_card(found.card, path)
    if as_json:
        show_json({"card": str(path), "written": found.card != promised, **found.to_json()})
    else:
        _show(found, path, found.card != promised)
    if found.answer == "unsure":
        raise DeviceError(
            f"a verdict needs a quieter machine; {found.judged.low_ms:.3g} to {found.judged.high_ms:.3g} ms holds the target "
            f"{promised.target_ms:g} ms, spread {found.now.spread:.0%} ({found.now.why}); stop other work and verify again"
        )
    return 0 if found.answer == "kept" else MISSED


def _show(found: Verified, path: Path, written: bool) -> None:
    say(f"{found.card.name} on {found.card.device}")
    rows = [("target", f"{found.card.target_ms:g} ms", "")]
    if found.before is not None:
        rows.append(("on the card", *_words(found.before)))
        rows.append(("now, at the card's speed", *_words(found.judged)))
    rows.append(("now", *_words(found.now)))
    table(("", ">latency", "95 % interval, visits"), rows)
    if found.before is not None:
        say(f"this machine takes {found.now.anchor_ms / found.before.anchor_ms:.2f} times as long for the anchor network as it did then")
    if written:
        say(f"the card had no measurement; this one was written into {path}")
    elif found.before is None:
        say("the card had no measurement; this one is noisy and was not written")
    say({"kept": "kept", "missed": "missed", "unsure": "too noisy to say"}[found.answer])


def _words(m: Measurement) -> tuple[str, str]:
    return f"{m.median_ms:.2f} ms", f"{m.low_ms:.2f} to {m.high_ms:.2f} ms, {m.n}{'; noisy: ' + m.why if m.noisy else ''}"

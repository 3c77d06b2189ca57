"""How wide text becomes, without a font at hand: an upper bound, so that what fits here fits in a viewer's font too."""

from __future__ import annotations

import re

FONT = "Helvetica, Arial, 'Segoe UI', 'DejaVu Sans', sans-serif"

# Widths in em of DejaVu Sans, the widest font that FONT falls back to, rounded up; its bold is wider by up to a quarter per letter.
_WIDTHS = {
    c: width
    for width, letters in (
        (0.30, "'IJijl"), (0.35, " ,./:;\\|"), (0.40, "()-[]ft"), (0.45, "!r"), (0.55, '"*_`?csz'), (0.60, "FLkvxy"),
        (0.65, "$0123456789EPSTYabdeghnopqu{}"), (0.70, "ABCKRVXZ"), (0.80, "&DGHOQNU"), (0.85, "#+<=>^w~×"), (1.0, "%@WmM…"),
    )
    for c in letters
}  # fmt: skip
_BOLD = 1.16


def width_of(text: str, size: float, bold: bool = False) -> float:
    """At most so many pixels wide in a font of `size` pixels."""
    return sum(_WIDTHS.get(c, 1.1) for c in text) * size * (_BOLD if bold else 1.0)


def cut(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, or as much of it as fits into `room` pixels, with an ellipsis."""
    if width_of(text, size, bold) <= room:
        return text
    while text and width_of(f"{text}…", size, bold) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrap(text: str, room: float, size: float, lines: int) -> list[str]:
    """The text in at most `lines` lines of `room` pixels, broken after commas where that fits; the last is cut where there is more."""
    phrases = re.split(r"(?<=[,;|]) ", text)
    words = [w for p in phrases for w in ([p] if width_of(p, size) <= room else p.split()) if w]
    wrapped: list[str] = []
    while words and len(wrapped) < lines - 1:
        n = 1
        while n < len(words) and width_of(" ".join(words[: n + 1]), size) <= room:
            n += 1
        wrapped.append(cut(" ".join(words[:n]), room, size))
        words = words[n:]
    return [*wrapped, cut(" ".join(words), room, size)] if words else wrapped

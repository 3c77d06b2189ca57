"""The latency contract: every answer to the question whether a network is within the latency limit. No torch.

Whether a network is within the limit is decided here and nowhere else; how far it is from the limit (the excess that strategies learn from,
the reward, the aim of a family) is computed where it is used. The functions differ in how much they demand:

================== ================================================== ==========================================
function           what must be at most the limit                     who uses it
================== ================================================== ==========================================
`within_limit`     one latency, such as a median                      comparisons in reports
`side`             the whole interval, else the answer is not "inside" filters before training, summaries, cards
`predicted_inside` the whole interval of a reliable prediction        choices where nothing can be measured
`predicted_within` a reliable prediction times `ROOM`, no interval    what a busy machine hands over *unverified*
`meets_limit`      the median; the whole interval if it is noisy      a card, and its verification
`leaves_room`      the whole interval, and the median times `ROOM`    the choice of finalists
`keeps_limit`      the same, and the measurement must not be noisy    the choice of the network that is delivered
`verdict`          as `meets_limit`, or "unsure"                      `nasbench verify`
================== ================================================== ==========================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nasbench.latency.measurement import Measurement
    from nasbench.latency.predicting.predict import Prediction

Side = Literal["inside", "unsure", "outside"]
Verdict = Literal["kept", "missed", "unsure"]

# A delivered network will be measured again in another session. Of 60 delivered networks that were (benchmarks/contract.py, three runs),
# five were more than 3 % slower, the slowest by 4.8 %; the standard deviation was 1.7 %. A network that needs the whole limit may miss it.
ROOM = 1.03


def side(low_ms: float, high_ms: float, limit_ms: float, *, reliable: bool = True) -> Side:
    """On which side of the limit an interval lies: `inside` if it ends at or below it, `outside` if it begins above it.

    Args:
        low_ms, high_ms: the closed interval of a predicted or measured latency.
        reliable: False for an interval that says nothing, such as that of an extrapolated prediction; the answer is then `unsure`.

    Example:
        >>> side(9.0, 11.0, 11.0), side(9.0, 11.0, 9.0), side(9.0, 11.0, 8.9)
        ('inside', 'unsure', 'outside')
    """
    if not reliable or low_ms <= limit_ms < high_ms:
        return "unsure"
    return "inside" if high_ms <= limit_ms else "outside"


def within_limit(latency_ms: float, limit_ms: float) -> bool:
    """Whether one latency is at most the limit."""
    return latency_ms <= limit_ms


def predicted_inside(prediction: Prediction, limit_ms: float) -> bool:
    """Whether a network surely keeps the limit by its prediction: where nothing can be measured, this decides."""
    return side(prediction.low_ms, prediction.high_ms, limit_ms, reliable=not prediction.extrapolated) == "inside"


def predicted_within(prediction: Prediction, limit_ms: float) -> bool:
    """Whether a network is within the limit as far as its prediction says, though the end of its interval may not be.

    It decides only while other work keeps the machine too busy to measure. What is chosen by it is never called within the limit: it is
    measured as soon as the machine is quiet, or delivered as not verified.
    """
    return not prediction.extrapolated and within_limit(ROOM * prediction.ms, limit_ms)


def meets_limit(measurement: Measurement, limit_ms: float) -> bool:
    """Whether the measured median is at most the limit; the whole interval must be if the measurement is noisy."""
    return within_limit(measurement.high_ms if measurement.noisy else measurement.median_ms, limit_ms)


def leaves_room(measurement: Measurement, limit_ms: float) -> bool:
    """Whether a measurement in another session should be within the limit too.

    The whole interval must be at most the limit, and so must the median times `ROOM`.
    """
    return max(measurement.high_ms, ROOM * measurement.median_ms) <= limit_ms


def keeps_limit(measurement: Measurement, limit_ms: float) -> bool:
    """Whether a network may be delivered for this limit: its measurement leaves room and is not noisy."""
    return not measurement.noisy and leaves_room(measurement, limit_ms)


def verdict(measurement: Measurement, limit_ms: float) -> Verdict:
    """The result of a verification.

    It is `unsure` if other work disturbed the measurement, or if the measurement is noisy and the limit lies in its interval.
    """
    if measurement.disturbed or (measurement.noisy and side(measurement.low_ms, measurement.high_ms, limit_ms) == "unsure"):
        return "unsure"
    return "kept" if meets_limit(measurement, limit_ms) else "missed"


def requirement(limit_ms: float) -> str:
    """What `leaves_room` demands, in words for messages: `the limit is 20 ms, with 3% to spare for another session`."""
    return f"the limit is {limit_ms:g} ms, with {ROOM - 1:.0%} to spare for another session"

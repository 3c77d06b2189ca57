"""The end of a search: its winner is trained for use, measured with its weights, and delivered with all that it needs without nasbench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from nasbench.errors import NasbenchError
from nasbench.export.folder import exported_files, write_files
from nasbench.export.trained import BEST, CARD, Trained
from nasbench.genotype import Genotype, digest
from nasbench.latency import Card, load_card
from nasbench.latency.verify import verify_card
from nasbench.search.config import SearchConfig
from nasbench.search.reporting import Listener
from nasbench.study.delivery import TRAINING, Delivery
from nasbench.study.directory import STUDY_FILE
from nasbench.training.data import load_images
from nasbench.training.delivery import GENOTYPE, WEIGHTS
from nasbench.training.delivery.config import KEPT, NONE, TrainConfig, train_config
from nasbench.training.images import VALIDATION_WORDS

DELIVERING_S, DELIVERING_SHARE = 30.0, 0.2  # of the time, at most: for measuring and for writing the files
LEAST_S = 5.0  # of training

RunTraining = Callable[[TrainConfig, Path, Listener, float], Trained]  # trains in a folder, from a moment of `time.monotonic()` on


def train_for_use(
    config: SearchConfig, study: Path, winner: Genotype, data: Mapping[str, Any], left_s: float, run: RunTraining, listener: Listener
) -> None:
    """Train the winner of a finished study in the time that is left, or go on with it, and deliver it in `best/`.

    A winner that was delivered so before is left as it is, unless the study was extended and has more time for it now. One that cannot
    be trained, because the time is too short for instance, is said, and stays as the search delivered it.

    Args:
        study: its folder, or that of a network that was picked from it; the training is stored there, too.
        winner: the network.
        data: the summary of the images, as the study stores it.
        left_s: what is left of the time of the search.
        run: `nasbench.analysis.training.run_train`.
    """
    key = digest(winner)
    stored = Delivery.read(study)
    is_new = stored is None or stored.digest != key or stored.time_s < seconds_of_training(config.training_s)
    if stored is not None and stored.summary is not None and not is_new:
        return
    if stored is None or is_new:
        time_s = seconds_of_training(max(config.training_s, left_s))
        stored = Delivery(key, time_s, f"{TRAINING}/{key}-{round(time_s)}s")
        stored.save(study)
    try:
        training = train_config(
            winner,
            data=config.data,
            data_root=config.data_root,
            time=f"{stored.time_s:.0f}s",
            validation=_validation(data),
            seed=config.seed,
            device=config.engine.trains_on,
        )
        (study / TRAINING).mkdir(exist_ok=True)
        trained = run(training, study / stored.folder, listener, monotonic())
        _deliver(study / BEST, trained, config, listener)
    except NasbenchError as error:
        listener.say(f"the winner was not trained for use: {error}")
        where = study if (study / STUDY_FILE).is_file() else study / BEST / GENOTYPE
        listener.say(f"the same command tries it again; `nasbench train {where} --time 20min` trains it for as long as you say")
        return
    replace(stored, summary=trained.summary).save(study)


def seconds_of_training(seconds: float) -> float:
    """Of the time for a winner, what its training gets.

    >>> seconds_of_training(240.0), seconds_of_training(60.0)
    (210.0, 48.0)
    """
    return max(LEAST_S, seconds - min(DELIVERING_S, DELIVERING_SHARE * seconds))


def _validation(data: Mapping[str, Any]) -> str:
    """Train on all images where validation images would be taken from them, and others are there to test the network."""
    splits = data.get("splits", {})
    from_training = splits.get("validation", {}).get("from") == VALIDATION_WORDS
    return NONE if from_training and splits.get("test", {}).get("images") else KEPT


def _deliver(best: Path, trained: Trained, config: SearchConfig, listener: Listener) -> None:
    """Replace what is in `best/` by the trained network, after it was measured with its weights."""
    if (best / CARD).is_file():
        trained = replace(trained, card=_measured(best / CARD, trained.path / WEIGHTS, listener))
    images = load_images(config.data, None if config.data_root is None else Path(config.data_root), size=trained.preprocess.side)
    contents, exported = exported_files(trained, listener.stage, images)
    for name, reason in exported.left_out.items():
        listener.say(f"without {name}: {reason}")
    del contents[GENOTYPE]  # that of `best/` has the input for which the latency limit holds
    write_files(best, contents)


def _measured(card_file: Path, weights: Path, listener: Listener) -> Card:
    """The card with a measurement of the trained weights; the card as it was where that is not to be had."""
    card = load_card(card_file)
    if card.measured is None:  # the device is elsewhere, or was too busy
        return card
    listener.stage("measuring the winner with its trained weights, alone on the machine")
    try:
        found = verify_card(replace(card, measured=None), weights, say=listener.say)
    except NasbenchError as error:
        listener.say(f"{error}; the card keeps the measurement before the training")
        return card
    if found.card.measured is None or found.verdict != "kept":
        limit = f"limit {card.limit_ms:g} ms"
        listener.say(f"with its trained weights: {found.now}; {limit}; the card keeps the measurement before the training")
        return card
    return found.card

"""What a resolution cannot rank: kernels on maps of a pixel or two see little but the border."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, adapt, trace
from nasbench.training.recipe import REFERENCE, Recipe, proxy_input

MOST_BLIND = 0.5  # share of the layers of a stage, and of the networks, that may be blind before a stage counts as such
STEP = 16  # of the resolutions that are tried, pixels


def blind_stages(genotype: Genotype, recipe: Recipe) -> set[int]:
    """The stages, counted from 1, whose kernels are mostly wider than what they could see at the resolution of a training.

    A kernel on a map of n pixels a side reaches 2n - 1 positions at most; the rest of it only ever meets the border. Where that holds for
    more than half of a stage's convolutions and pools with kernels above one pixel, kernel sizes and depth there change little in what
    the network can learn.

    Example:
        >>> import nasbench as nb
        >>> [sorted(blind_stages(nb.known("mobilenet_v2"), Recipe(train_size=size))) for size in (32, 64)]
        [[6, 7], []]
    """
    try:
        layers = trace(adapt(genotype, input=proxy_input(genotype.input, recipe)))
    except GenotypeError:  # it cannot be trained at this resolution at all
        return set()
    spatial: Counter[int] = Counter()
    blind: Counter[int] = Counter()
    for layer in layers:
        part, _, rest = (layer.where or "").partition(".")
        kernel = layer.attrs.get("kernel")
        if part != "stages" or not isinstance(kernel, tuple) or max(kernel) == 1:
            continue
        stage = int(rest.partition(".")[0]) + 1
        spatial[stage] += 1
        blind[stage] += max(kernel) > 2 * max(layers[layer.inputs[0]].shape[1:]) - 1
    return {stage for stage in spatial if blind[stage] > MOST_BLIND * spatial[stage]}


def often_blind(networks: Sequence[Genotype], recipe: Recipe) -> list[int]:
    """The stages that are blind in more than half of the networks."""
    found = Counter(stage for g in networks for stage in blind_stages(g, recipe))
    return sorted(stage for stage, count in found.items() if count > MOST_BLIND * len(networks))


def seeing_size(networks: Sequence[Genotype], recipe: Recipe) -> int | None:
    """The smallest `train_size`, in steps of 16 from the recipe's up to 224, at which no stage is often blind; None if there is none.

    There is none where the inputs of the networks are so small that `train_size` does not change them.
    """
    size = recipe.train_size
    while often_blind(networks, replace(recipe, train_size=size)):
        if size >= REFERENCE:
            return None
        size = min(REFERENCE, (size // STEP + 1) * STEP)
    return size

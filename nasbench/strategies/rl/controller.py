"""The controller: an LSTM that chooses one parameter after the other.

Zoph & Le 2017, "Neural Architecture Search with Reinforcement Learning", section 3.1.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nasbench.spaces.options import Choose, Options
from nasbench.strategies.base import distribution, options_of
from nasbench.strategies.rl.rewards import Step

HIDDEN = 32
INITIAL = 0.1  # standard deviation of initial weights


class Evaluation(NamedTuple):
    """What the controller says of several sequences of choices. All tensors are (sequences, steps), and 0 beyond the end of a sequence.

    Attributes:
        log_probs: the logarithm of the probability of each choice.
        entropies: of the distribution that each choice was drawn from, in nats.
    """

    log_probs: Tensor
    entropies: Tensor


class Parameter(NamedTuple):
    """The weights of one parameter of a space.

    Attributes:
        embeddings: (options, hidden), what the LSTM reads after a choice.
        head: (options, hidden + 1), from the LSTM's output and a one to the logits.
    """

    embeddings: Tensor
    head: Tensor


class Controller:
    """An LSTM with an embedding and a softmax head for each parameter of a space, made when the parameter is first met.

    The weights of a parameter follow from its name, so it does not matter when it is met. Heads are zero at first: the first networks
    are drawn uniformly. Numbers have 64 bits, and torch computes them in one thread, so that a repetition gives the same bits.
    """

    def __init__(self) -> None:
        self._lstm = nn.LSTM(HIDDEN, HIDDEN, batch_first=True, dtype=torch.float64)
        with torch.no_grad():
            for name, weight in self._lstm.named_parameters():
                weight.copy_(_normal(name, *weight.shape))
        self._start = _normal("start", HIDDEN).requires_grad_()
        self._parameters: dict[str, Parameter] = {}
        self._new: list[Tensor] = [*self._lstm.parameters(), self._start]

    def new_weights(self) -> list[Tensor]:
        """Weights that were made since the last call."""
        new, self._new = self._new, []
        return new

    def evaluate(self, sequences: Sequence[Sequence[Step]]) -> Evaluation:
        """Log-probabilities and entropies of choices that were made."""
        inputs = [torch.stack([self._start, *(self._of(s).embeddings[s.option] for s in sequence[:-1])]) for sequence in sequences]
        outputs, _ = self._lstm(nn.utils.rnn.pad_sequence(inputs, batch_first=True))  # (sequences, steps, hidden)
        places: dict[str, list[tuple[int, int, Step]]] = {}
        for i, sequence in enumerate(sequences):
            for j, step in enumerate(sequence):
                places.setdefault(step.name, []).append((i, j, step))
        log_probs, entropies = (torch.zeros(outputs.shape[:2], dtype=torch.float64) for _ in range(2))
        for several in places.values():
            rows, columns = torch.tensor([i for i, _, _ in several]), torch.tensor([j for _, j, _ in several])
            logs = self._log_softmax(several[0][2], outputs[rows, columns])
            chosen = logs.gather(1, torch.tensor([[step.option] for _, _, step in several]))[:, 0]
            log_probs = log_probs.index_put((rows, columns), chosen)
            entropies = entropies.index_put((rows, columns), -(logs.exp() * logs).sum(dim=1))
        return Evaluation(log_probs, entropies)

    def chooser(self, rng: random.Random) -> Choose:
        """Draws a network: each option with the probability that the controller gives it after the choices before."""
        state: tuple[Tensor, Tensor] | None = None
        read = self._start

        def choose(name: str, options: Options) -> Any:
            nonlocal state, read
            several = options_of(distribution(options))
            if len(several) == 1:
                return several[0]
            step = Step(name, len(several), 0)
            with torch.no_grad(), one_thread():
                output, state = self._lstm(read[None, None], state)
                weights = self._log_softmax(step, output[0]).exp()[0].tolist()
                index = rng.choices(range(len(several)), weights)[0]
                read = self._of(step).embeddings[index]
            return several[index]

        return choose

    def _log_softmax(self, step: Step, outputs: Tensor) -> Tensor:
        """(n, hidden) -> (n, options)."""
        head = self._of(step).head
        return (outputs @ head[:, :-1].T + head[:, -1]).log_softmax(dim=1)

    def _of(self, step: Step) -> Parameter:
        if step.name not in self._parameters:
            embeddings = _normal(f"embeddings of {step.name}", step.size, HIDDEN).requires_grad_()
            head = torch.zeros(step.size, HIDDEN + 1, dtype=torch.float64).requires_grad_()
            self._parameters[step.name] = Parameter(embeddings, head)
            self._new += [embeddings, head]
        return self._parameters[step.name]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: how many threads share a sum decides its last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _normal(name: str, *shape: int) -> Tensor:
    """Initial weights, which follow from a name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
    return INITIAL * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

"""PPO and REINFORCE: objectives and gradients equal those computed by hand, and the state is a function of the batches."""

from __future__ import annotations

import math
import random

import pytest
import torch

from nasbench.strategies.rl.controller import Controller
from nasbench.strategies.rl.learner import Learner, Settings, clipped, reinforce
from nasbench.strategies.rl.rewards import Batch, Step

PPO = Settings("ppo", 8, 3, 0.02, 0.2, 0.01)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("ratio", "advantage", "value", "slope"),
    [
        (1.0, 2.0, 2.0, 2.0),  # the first step: the slope of REINFORCE
        (1.1, 2.0, 2.2, 2.2),
        (1.5, 2.0, 2.4, 0.0),  # beyond the clip, and it would move further
        (0.5, 2.0, 1.0, 1.0),  # beyond the clip, but it moves back
        (0.5, -2.0, -1.6, 0.0),
        (1.5, -2.0, -3.0, -3.0),
    ],
)
def test_the_clipped_objective_by_hand(ratio, advantage, value, slope):
    """Schulman et al. 2017, equation 7 and figure 1; d/d log p of r * A is r * A."""
    log_probs = tensor([[math.log(0.3 * ratio)]]).requires_grad_()
    objective = clipped(log_probs, tensor([[math.log(0.3)]]), tensor([advantage]), 0.2)
    objective.backward()
    assert objective.item() == pytest.approx(value, abs=1e-6)
    assert log_probs.grad.item() == pytest.approx(slope, abs=1e-6)


def test_objectives_of_several_sequences_by_hand():
    """Two sequences of two and one choices. The mean is over sequences, the sum over choices; the zero is beyond the end."""
    old = tensor([[math.log(0.5), math.log(0.25)], [math.log(0.5), 0.0]])
    now = tensor([[math.log(0.55), math.log(0.5)], [math.log(0.25), 0.0]]).requires_grad_()
    advantage = tensor([1.0, -0.5])
    objective = clipped(now, old, advantage, 0.2)
    objective.backward()
    assert objective.item() == pytest.approx((1.1 + 1.2 + 0.8 * -0.5) / 2, abs=1e-6)
    assert now.grad.tolist() == [pytest.approx([1.1 / 2, 0.0], abs=1e-6), pytest.approx([0.0, 0.0], abs=1e-6)]
    now.grad = None
    plain = reinforce(now, advantage)
    plain.backward()
    assert plain.item() == pytest.approx((math.log(0.55) + math.log(0.5) - 0.5 * math.log(0.25)) / 2, abs=1e-6)
    assert now.grad.tolist() == [[0.5, 0.5], [-0.25, -0.25]]


def test_the_gradient_of_reinforce_at_the_logits_by_hand():
    """Of a softmax over three options: A * (1[chosen] - p) for each logit (Williams 1992)."""
    logits = tensor([0.2, -0.4, 1.0]).requires_grad_()
    log_probs = logits.log_softmax(0)
    reinforce(log_probs[None, 1:2], tensor([0.7])).backward()
    exp = [math.exp(v) for v in (0.2, -0.4, 1.0)]
    expected = [0.7 * ((i == 1) - e / sum(exp)) for i, e in enumerate(exp)]
    assert logits.grad.tolist() == pytest.approx(expected, abs=1e-6)


def test_at_first_both_have_one_gradient():
    log_probs = tensor([[-0.3, -1.2], [-2.0, 0.0]]).requires_grad_()
    advantage = tensor([0.4, -1.3])
    (a,) = torch.autograd.grad(clipped(log_probs, log_probs.detach(), advantage, 0.2), log_probs)
    (b,) = torch.autograd.grad(reinforce(log_probs, advantage), log_probs)
    assert torch.allclose(a[:, 0], b[:, 0])
    assert a[0, 1] == b[0, 1]
    assert a[1, 1] == 0, "nothing is beyond the end"


def drawn(controller, count, seed=0):
    """Sequences of choices with a parameter that exists only after one of the options."""
    rng, found = random.Random(seed), []
    for _ in range(count):
        choose, sequence = controller.chooser(rng), []
        for name, options in (("kernel", [1, 3, 5]), ("more", [False, True]), ("width", range(8, 40, 8))):
            if name == "width" and sequence[-1].option == 0:
                continue
            value = choose(name, options)
            sequence.append(Step(name, len(options), list(options).index(value)))
        found.append(sequence)
    return found


def test_the_first_networks_are_uniform():
    evaluation = Controller().evaluate([[Step("kernel", 3, 1), Step("more", 2, 0)], [Step("kernel", 3, 2)]])
    assert evaluation.log_probs.tolist() == [pytest.approx([-math.log(3), -math.log(2)]), pytest.approx([-math.log(3), 0.0])]
    assert evaluation.entropies.tolist() == [pytest.approx([math.log(3), math.log(2)]), pytest.approx([math.log(3), 0.0])]


def reward(sequence):
    """1 for the last kernel, 0.3 for a second convolution, and 0.2 for one of its widths."""
    return float(sequence[0].option == 2) + 0.3 * (len(sequence) == 3) + 0.2 * (len(sequence) == 3 and sequence[2].option == 1)


def trained(settings, batches, order=0):
    learner = Learner(settings)
    if order:  # parameters are met in another order
        drawn(learner.controller, 20, order)
        learner.controller.evaluate([[Step("width", 4, 0)], [Step("more", 2, 0)]])
    for number in range(batches):
        sequences = drawn(learner.controller, settings.batch, number)
        learner.learn(Batch(number, sequences, [reward(s) for s in sequences], [True] * len(sequences)))
    return learner


@pytest.mark.parametrize("settings", [PPO, PPO._replace(algorithm="reinforce", learning_rate=0.05)])
def test_it_learns(settings):
    before, after = (sum(reward(s) for s in drawn(trained(settings, n).controller, 200, 99)) / 200 for n in (0, 40))
    assert before < 0.6
    assert after > 1.25


def test_probabilities_are_those_that_networks_are_drawn_with():
    """Frequencies of 4,000 draws, against the probability that `evaluate` gives: a trained controller is not uniform."""
    controller = trained(PPO, 6).controller
    sequences = drawn(controller, 4000, 5)
    for sequence in ([Step("kernel", 3, 2), Step("more", 2, 0)], [Step("kernel", 3, 2), Step("more", 2, 1), Step("width", 4, 1)]):
        p = controller.evaluate([sequence]).log_probs.sum().exp().item()
        assert sequences.count(sequence) / 4000 == pytest.approx(p, abs=4 * math.sqrt(p / 4000))


def test_the_same_batches_give_the_same_bits():
    first, again, other = trained(PPO, 5), trained(PPO, 5, order=3), trained(PPO._replace(entropy=0.5), 5)
    probe = drawn(first.controller, 30, 7)
    logs = [learner.controller.evaluate(probe).log_probs for learner in (first, again, other)]
    assert torch.equal(logs[0], logs[1])
    assert not torch.equal(logs[0], logs[2])


def test_a_batch_that_teaches_nothing_changes_nothing():
    learner = trained(PPO, 3)
    probe = drawn(learner.controller, 30, 7)
    before = learner.controller.evaluate(probe).log_probs
    learner.learn(Batch(3, [], [], []))
    assert torch.equal(before, learner.controller.evaluate(probe).log_probs)
    assert learner.learned == 4


def test_torch_keeps_its_threads():
    threads = torch.get_num_threads()
    trained(PPO, 1)
    assert torch.get_num_threads() == threads

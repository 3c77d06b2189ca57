"""Images that grow while the network learns (EfficientNetV2): their sizes, the end at full size, and a stop in between."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.errors import NasbenchError
from nasbench.training.data import load_images
from nasbench.training.delivery.plan import measure_pace
from nasbench.training.images import subset, training_and_validation
from nasbench.training.recipe import Recipe
from nasbench.training.schedule import size_share
from nasbench.training.trainer import train

RECIPE = Recipe(
    epochs=4, batch_size=16, images=64, calibration=0, first_size=16, train_size=32, size_stages=3, crop_padding=4, validate_epochs=True
)


class Watches(nn.Module):
    """A network that notes the sides of the images that it sees in training and in validation."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Conv2d(1, 10, 3)
        self.seen = {True: [], False: []}

    def forward(self, images):
        self.seen[self.training].append(images.shape[-1])
        return self.linear(images).mean((2, 3))


@pytest.fixture(scope="module")
def images():
    training, validation = training_and_validation(load_images("embedded", None))
    return training, subset(validation, 100, seed=0)


def run(images, recipe=RECIPE, **more):
    torch.manual_seed(0)
    net = Watches()
    result = train(net, *images, recipe, shape=(1, 28, 28), seed=1, **more)
    return net, result


def test_training_images_grow_and_validation_images_do_not(images):
    net, _ = run(images)
    sides = [net.seen[True][4 * epoch] for epoch in range(4)]
    assert sides == [14, 14, 21, 28]
    assert len(net.seen[True]) == 16
    assert set(net.seen[False]) == {28}


def test_a_stop_in_between_changes_nothing(images, tmp_path):
    class Stop(Exception):
        pass

    def stop(epoch):
        if epoch.epoch == 3:
            raise Stop

    whole, _ = run(images)
    with pytest.raises(Stop):
        run(images, checkpoint=tmp_path / "c", on_epoch=stop)
    resumed, _ = run(images, checkpoint=tmp_path / "c")
    assert len(resumed.seen[True]) < len(whole.seen[True])
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_one_size_is_the_default():
    assert {size_share(Recipe(epochs=5), epoch) for epoch in range(5)} == {1.0}
    assert "first_size" not in Recipe().to_dict()


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 100])
def test_sizes_never_shrink_and_the_last_epoch_has_the_whole(epochs):
    shares = [size_share(Recipe(epochs=epochs, first_size=16, train_size=64), epoch) for epoch in range(epochs)]
    assert shares == sorted(shares)
    assert shares[0] == (0.25 if epochs > 1 else 1.0)
    assert shares[-1] == 1


def test_the_time_of_a_step_is_the_mean_over_the_sizes(images, monkeypatch):
    from nasbench.training.loop import Training

    sides = []

    def timed(self, count, longest_s):
        sides.append(self.images.pixels.shape[-1])
        return float(sides[-1])

    monkeypatch.setattr(Training, "time_steps", timed)
    pace = measure_pace(Watches(), images[0], RECIPE, (1, 28, 28), torch.device("cpu"), 1.0)
    assert sides == [14, 21, 28]
    assert pace.step_s == 21


def test_a_first_size_above_the_last_is_refused():
    with pytest.raises(NasbenchError, match="images grow from first_size to train_size; got 64 and 32; give a smaller first_size"):
        Recipe(first_size=64)

"""Networks before residual connections: LeNet, AlexNet, VGG, GoogLeNet, and DenseNet and SqueezeNet with their own blocks."""

from __future__ import annotations

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import conv, dense, dropout, fire, flatten, gap, inception, linear, norm, pool

PLAIN = Style(norm="none", init="he_fan_in")


def lenet5_modern() -> Genotype:
    """LeNet-5 (LeCun et al. 1998, fig. 2) as it is built today: max pooling, ReLU, no padding, 28x28; 44,426 parameters."""
    return Genotype(
        "lenet5_modern",
        input=(1, 28, 28),
        stem=(conv(6, 5, padding="valid"), pool("max", 2, 2)),
        stages=((conv(16, 5, padding="valid"), pool("max", 2, 2)),),
        head=(flatten(), linear(120, "relu"), linear(84, "relu"), linear(10)),
        style=PLAIN,
    )


def alexnet() -> Genotype:
    """One tower (Krizhevsky 2014, "One weird trick"), as in torchvision: 64-192-384-256-256."""
    return Genotype(
        "alexnet",
        stem=(conv(64, 11, 4, padding=2), pool("max", 3, 2, "valid")),
        stages=((conv(192, 5), pool("max", 3, 2, "valid")), (conv(384, 3), conv(256, 3), conv(256, 3), pool("max", 3, 2, "valid"))),
        head=(gap(6), dropout(0.5), linear(4096, "relu"), dropout(0.5), linear(4096, "relu"), linear(1000)),
        style=PLAIN,
    )


def vgg(name: str, depths: tuple[int, ...]) -> Genotype:
    """Stages of 3x3 convolutions, each ended by a max pool (Simonyan & Zisserman 2014, table 1)."""
    stages = tuple((conv(width, 3, repeat=depth), pool("max", 2, 2)) for width, depth in zip((64, 128, 256, 512, 512), depths, strict=True))
    head = (gap(7), linear(4096, "relu"), dropout(0.5), linear(4096, "relu"), dropout(0.5), linear(1000))
    return Genotype(name, stages=stages, head=head, style=PLAIN)


def vgg16() -> Genotype:
    """Configuration D."""
    return vgg("vgg16", (2, 2, 3, 3, 3))


def googlenet() -> Genotype:
    """Szegedy et al. 2014, table 1, as torchvision has it: batch norm, no local response norm, 3x3 in place of 5x5."""

    def halve(kernel: int = 3) -> Block:
        return pool("max", kernel, 2, "valid", ceil=True)

    return Genotype(
        "googlenet",
        stem=(conv(64, 7, 2), halve(), conv(64), conv(192, 3), halve()),
        stages=(
            (inception(64, 96, 128, 16, 32, 32, large=3), inception(128, 128, 192, 32, 96, 64, large=3), halve()),
            (
                inception(192, 96, 208, 16, 48, 64, large=3),
                inception(160, 112, 224, 24, 64, 64, large=3),
                inception(128, 128, 256, 24, 64, 64, large=3),
                inception(112, 144, 288, 32, 64, 64, large=3),
                inception(256, 160, 320, 32, 128, 128, large=3),
                halve(2),
            ),
            (inception(256, 160, 320, 32, 128, 128, large=3), inception(384, 192, 384, 48, 128, 128, large=3)),
        ),
        head=(gap(), dropout(0.2), linear(1000)),
        style=Style(eps=1e-3),
    )


def densenet(name: str, depths: tuple[int, ...], growth: int, width: int) -> Genotype:
    """Dense stages of bottleneck layers with halving transitions between (Huang et al. 2016, table 1)."""
    transition = (conv("in/2", order="norm-act-conv"), pool("avg", 2, 2))
    blocks = [dense(growth, bottleneck=4 * growth, repeat=depth) for depth in depths]
    stages = [(block, *transition) for block in blocks[:-1]] + [(blocks[-1],)]
    return Genotype(name, stem=(conv(width, 7, 2), pool("max", 3, 2)), stages=tuple(stages), head=(norm(), gap(), linear(1000)))


def densenet121() -> Genotype:
    return densenet("densenet121", (6, 12, 24, 16), growth=32, width=64)


def squeezenet1_1() -> Genotype:
    """SqueezeNet (Iandola et al. 2016, table 1) in the authors' later form with 2.4 times fewer MACs."""
    halve = pool("max", 3, 2, "valid", ceil=True)
    return Genotype(
        "squeezenet1_1",
        stem=(conv(64, 3, 2, padding="valid"), halve),
        stages=(
            (fire(16, 64, repeat=2), halve),
            (fire(32, 128, repeat=2), halve),
            (fire(48, 192, repeat=2), fire(64, 256, repeat=2)),
        ),
        head=(dropout(0.5), conv(1000), gap(), flatten()),
        style=PLAIN,
    )


PLAINS = {f.__name__: f for f in (lenet5_modern, alexnet, vgg16, googlenet, densenet121, squeezenet1_1)}

"""Networks of plain layers: AlexNet, ZFNet, Network in Network, VGG, SPP-net; and SqueezeNet."""

from __future__ import annotations

from functools import partial

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import conv, dropout, fire, flatten, gap, linear, lrn, pool, spp

PLAIN = Style(norm="none", init="he_fan_in")
CLASSIFIER = (linear(4096, "relu"), dropout(0.5), linear(4096, "relu"), dropout(0.5), linear(1000))


def alexnet() -> Genotype:
    """AlexNet in one tower (Krizhevsky 2014, "One weird trick"), as in torchvision: 64-192-384-256-256."""
    return Genotype(
        "alexnet",
        stem=(conv(64, 11, 4, padding=2), pool("max", 3, 2, "valid")),
        stages=((conv(192, 5), pool("max", 3, 2, "valid")), (conv(384, 3), conv(256, 3), conv(256, 3), pool("max", 3, 2, "valid"))),
        head=(gap(6), dropout(0.5), linear(4096, "relu"), dropout(0.5), linear(4096, "relu"), linear(1000)),
        style=PLAIN,
    )


def alexnet_original() -> Genotype:
    """AlexNet (Krizhevsky et al. 2012, section 3.5). Two groups stand for the two towers. The shapes need 227 pixels, not 224."""
    return Genotype(
        "alexnet_original",
        input=(3, 227, 227),
        stem=(conv(96, 11, 4, "valid"), lrn(), pool("max", 3, 2, "valid")),
        stages=(
            (conv(256, 5, groups=2), lrn(), pool("max", 3, 2, "valid")),
            (conv(384, 3), conv(384, 3, groups=2), conv(256, 3, groups=2), pool("max", 3, 2, "valid")),
        ),
        head=CLASSIFIER,
        style=PLAIN,
    )


def zfnet() -> Genotype:
    """ZFNet (Zeiler & Fergus 2013, fig. 3). It normalises before pooling, as in pytorchcv; in the figure it does so after pooling."""
    halve = pool("max", 3, 2, "valid", ceil=True)
    return Genotype(
        "zfnet",
        stem=(conv(96, 7, 2, padding=1), lrn(), halve),
        stages=(
            (conv(256, 5, 2, "valid"), lrn(), halve),
            (conv(384, 3), conv(384, 3), conv(256, 3), pool("max", 3, 2, "valid")),
        ),
        head=CLASSIFIER,
        style=PLAIN,
    )


def nin() -> Genotype:
    """Network in Network for ImageNet (Lin et al. 2013), as in the authors' Caffe model."""
    halve = pool("max", 3, 2, "valid", ceil=True)
    return Genotype(
        "nin",
        stem=(conv(96, 11, 4, "valid"), conv(96, repeat=2), halve),
        stages=((conv(256, 5), conv(256, repeat=2), halve), (conv(384, 3), conv(384, repeat=2), halve)),
        head=(dropout(0.5), conv(1024, 3), conv(1024), conv(1000), gap(), flatten()),
        style=PLAIN,
    )


def nin_cifar10() -> Genotype:
    """Network in Network for CIFAR-10 (Lin et al. 2013, section 4.1), as in the authors' Caffe model."""
    return Genotype(
        "nin_cifar10",
        input=(3, 32, 32),
        stem=(conv(192, 5), conv(160), conv(96), pool("max", 3, 2), dropout(0.5)),
        stages=((conv(192, 5), conv(192, repeat=2), pool("avg", 3, 2), dropout(0.5)),),
        head=(conv(192, 3), conv(192), conv(10), gap(), flatten()),
        style=PLAIN,
    )


VGG_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(name: str, depth: int, style: Style = PLAIN, bias: bool | None = None) -> Genotype:
    """VGG: stages of 3x3 convolutions with a max pool at the end (Simonyan & Zisserman 2014, table 1: A, B, D, E)."""
    widths = (64, 128, 256, 512, 512)
    stages = tuple((conv(w, 3, bias=bias, repeat=d), pool("max", 2, 2)) for w, d in zip(widths, VGG_DEPTHS[depth], strict=True))
    return Genotype(name, stages=stages, head=(gap(7), *CLASSIFIER), style=style)


def vgg11_lrn() -> Genotype:
    """VGG configuration A-LRN: A with local response normalisation after the first layer."""
    g = vgg("vgg11_lrn", 11)
    first = (g.stages[0][0], lrn(), g.stages[0][1])
    return Genotype(g.name, stages=(first, *g.stages[1:]), head=g.head, style=g.style)


def vgg16_c() -> Genotype:
    """VGG configuration C: B with one more 1x1 convolution in stages 3, 4 and 5."""
    g = vgg("vgg16_c", 13)
    stages = (*g.stages[:2], *((stage[0], conv("in"), stage[1]) for stage in g.stages[2:]))
    return Genotype(g.name, stages=stages, head=g.head, style=g.style)


def squeezenet(name: str, bypass: str = "none") -> Genotype:
    """SqueezeNet 1.0 (Iandola et al. 2016, table 1), plain or with one of the bypasses of fig. 2."""
    halve = pool("max", 3, 2, "valid", ceil=True)

    def module(squeeze: int, expand: int, repeat: int = 1) -> Block:
        return fire(squeeze, expand, bypass=bypass, repeat=repeat)

    return Genotype(
        name,
        stem=(conv(96, 7, 2, "valid"), halve),
        stages=(
            (module(16, 64, 2), module(32, 128), halve),
            (module(32, 128), module(48, 192, 2), module(64, 256), halve),
            (module(64, 256),),
        ),
        head=(dropout(0.5), conv(1000), gap(), flatten()),
        style=PLAIN,
    )


def squeezenet1_1() -> Genotype:
    """SqueezeNet 1.1, the authors' later form of SqueezeNet (Iandola et al. 2016, table 1), with 2.4 times fewer MACs."""
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


# SPP-net (He et al. 2014, table 1): known networks with a pyramid of 50 bins in place of the last pooling.

PYRAMID = (spp(), *CLASSIFIER)


def sppnet_zf5() -> Genotype:
    """SPP-net on ZF-5."""
    halve = pool("max", 3, 2, "valid", ceil=True)
    return Genotype(
        "sppnet_zf5",
        stem=(conv(96, 7, 2, padding=1), lrn(), halve),
        stages=((conv(256, 5, 2, padding=1), lrn(), halve), (conv(384, 3, repeat=2), conv(256, 3))),
        head=PYRAMID,
        style=PLAIN,
    )


def sppnet_overfeat(name: str, depth: int) -> Genotype:
    """SPP-net on Overfeat-5 or Overfeat-7; `depth` is the number of convolutions."""
    return Genotype(
        name,
        stem=(conv(96, 7, 2, "valid"), pool("max", 3, 3, "valid", ceil=True), lrn()),
        stages=((conv(256, 5), pool("max", 2, 2, "valid", ceil=True)), (conv(512, 3, repeat=depth - 2),)),
        head=PYRAMID,
        style=PLAIN,
    )


PLAINS = {f.__name__: f for f in (alexnet, alexnet_original, zfnet, nin, nin_cifar10)}
for _depth in VGG_DEPTHS:
    PLAINS[f"vgg{_depth}"] = partial(vgg, f"vgg{_depth}", _depth)
    # The convolutions of the variants with batch norm have a bias too, as in every library.
    PLAINS[f"vgg{_depth}_bn"] = partial(vgg, f"vgg{_depth}_bn", _depth, Style(), True)
PLAINS |= {f.__name__: f for f in (vgg11_lrn, vgg16_c)}
PLAINS["squeezenet1_0"] = partial(squeezenet, "squeezenet1_0")
PLAINS["squeezenet1_0_simple_bypass"] = partial(squeezenet, "squeezenet1_0_simple_bypass", "simple")
PLAINS["squeezenet1_0_complex_bypass"] = partial(squeezenet, "squeezenet1_0_complex_bypass", "complex")
PLAINS |= {"squeezenet1_1": squeezenet1_1, "sppnet_zf5": sppnet_zf5}
PLAINS["sppnet_overfeat5"] = partial(sppnet_overfeat, "sppnet_overfeat5", 5)
PLAINS["sppnet_overfeat7"] = partial(sppnet_overfeat, "sppnet_overfeat7", 7)

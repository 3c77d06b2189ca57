"""Which law or which factors a scaling uses: the options of `scale`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from nasbench.cli.options.recipe_file import take_options
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype
from nasbench.genotype.yaml import load_yaml
from nasbench.scaling import PUBLISHED, Law, fast, from_spec, scale
from nasbench.scaling.scale import scaled_side


class KnownLaw(NamedTuple):
    """A law with where it comes from; `fit` is the report of a fit, empty of others."""

    origin: str
    law: Law
    fit: Mapping[str, Any]


@dataclass(frozen=True)
class LawOptions:
    """A law of compound scaling; one way to say it."""

    alpha: Annotated[float | None, typer.Option(help="Depth of one step of phi; 1.2 is EfficientNet's.")] = None
    beta: Annotated[float | None, typer.Option(help="Width of one step; 1.1 is EfficientNet's.")] = None
    gamma: Annotated[float | None, typer.Option(help="Resolution of one step; 1.15 is EfficientNet's.")] = None
    spec: Annotated[
        str | None, typer.Option(help="Weights of depth, width and resolution in place of coefficients, such as d1_w8_r1; or fast.")
    ] = None
    law: Annotated[
        list[Path] | None, typer.Option(help="A fit's folder, whose law is taken; another one, given again, is shown beside it.")
    ] = None

    def laws(self) -> list[KnownLaw]:
        """The law that is asked for, and then those it is shown beside.

        Raises:
            NasbenchError: several ways at once, or one that cannot be read.
        """
        given = [n for n, v in (("--alpha, --beta, --gamma", self._coefficients), ("--spec", self.spec), ("--law", self.law)) if v]
        if len(given) > 1:
            raise NasbenchError(f"a law is said in one way; got {' and '.join(given)}; leave out all but one")
        if self.law:
            return [read_law(path) for path in self.law]
        if self.spec is not None:
            return [KnownLaw(self.spec, fast() if self.spec == "fast" else from_spec(self.spec), {})]
        alpha, beta, gamma = (
            one if given is None else given
            for given, one in ((self.alpha, PUBLISHED.alpha), (self.beta, PUBLISHED.beta), (self.gamma, PUBLISHED.gamma))
        )
        return [KnownLaw("given" if self._coefficients else "EfficientNet's", Law(alpha, beta, gamma), {})]

    @property
    def _coefficients(self) -> bool:
        return any(value is not None for value in (self.alpha, self.beta, self.gamma))


@dataclass(frozen=True)
class FactorOptions:
    """How far along the law, or factors that follow none; and which rows take part."""

    phi: Annotated[float | None, typer.Option(help="Steps of the law; 1 without any other size.")] = None
    size: Annotated[float | None, typer.Option(help="Multiply-adds to grow by, before rounding, in place of --phi.")] = None
    depth: Annotated[str | None, typer.Option(help="Factor of the stages' repeats, such as 1.5 or 2/3, in place of a law.")] = None
    width: Annotated[str | None, typer.Option(help="Factor of the widths: MobileNet's alpha, Wide ResNet's k.")] = None
    resolution: Annotated[str | None, typer.Option(help="Input side in pixels, such as 160, or a factor, such as x0.714.")] = None
    divisor: Annotated[int | None, typer.Option(help="Widths are multiples of it; 8 without it.")] = None
    rounding: Annotated[
        str | None,
        typer.Option(
            help="up (EfficientNet's: depth up, widths losing at most a tenth), nearest (pycls') or total (blocks of all stages together); "
            "nearest with --spec, total with --law, else up."
        ),
    ] = None
    stem: Annotated[bool, typer.Option(help="Whether the stem grows in width; Wide ResNet keeps it.")] = True
    head: Annotated[bool, typer.Option(help="Whether the head's convolutions do; MnasNet and a shrinking MobileNetV2 keep them.")] = True

    @property
    def alone(self) -> bool:
        """Whether factors are given rather than a law."""
        return any(value is not None for value in (self.depth, self.width, self.resolution))

    def scaled(self, g: Genotype, law: Law, rounding: str) -> Genotype:
        """The network that is asked for; `rounding` where none is said.

        Raises:
            NasbenchError: factors beside a size along a law, or values that cannot be.
        """
        if self.alone and (self.phi is not None or self.size is not None):
            raise NasbenchError(
                "--phi and --size go along a law, --depth, --width and --resolution follow none; leave out one or the other"
            )
        if self.phi is not None and self.size is not None:
            raise NasbenchError(f"how far is said by --phi or by --size; got {self.phi:g} and {self.size:g}; leave one out")
        kept: dict[str, Any] = {"divisor": self.divisor, "rounding": self.rounding or rounding, "stem": self.stem, "head": self.head}
        if self.alone:
            side = None if self.resolution is None else _side(self.resolution, g)
            depth, width = (1.0 if text is None else _factor(text) for text in (self.depth, self.width))
            return scale(g, depth=depth, width=width, resolution=side, **kept)
        return scale(g, phi=self.steps(law), alpha=law.alpha, beta=law.beta, gamma=law.gamma, **kept)

    def steps(self, law: Law) -> float:
        """How far along the law."""
        if self.size is None:
            return 1.0 if self.phi is None else self.phi
        if not 0 < self.size <= 1e6:
            raise NasbenchError(f"--size is by what multiply-adds grow, above 0, at most a million; got {self.size:g}; try 2")
        if law.growth == 1:
            raise NasbenchError(f"--size needs a law that grows; got {law}; give --phi, or other coefficients")
        return law.steps(self.size)


def read_law(path: Path) -> KnownLaw:
    """The law of a fit's folder, or of its fit.json.

    Raises:
        NasbenchError: no finished fit there.
    """
    file = path / "fit.json" if path.is_dir() else path
    try:
        report = json.loads(file.read_text())
        fit = report["fit"]
        law = Law(fit["alpha"]["value"], fit["beta"]["value"], fit["gamma"]["value"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, NasbenchError):
            raise
        raise NasbenchError(
            f"a fit keeps its law in fit.json; {file} cannot be read ({error}); finish it with the command that began it, or name another"
        ) from None
    return KnownLaw(f"{path.name}, under {report['cost']}", law, report)


def read_recipe(ctx: typer.Context, name: str) -> str:
    """Where a YAML file with the key `network` stands for the network: its other lines become the command's defaults.

    Raises:
        NasbenchError: a line that is no option of the command.
    """
    if not name.endswith((".yaml", ".yml")) or not Path(name).is_file():
        return name
    found, _ = load_yaml(Path(name), NasbenchError)
    if not isinstance(found, dict) or "network" not in found:
        return name
    take_options(ctx, Path(name), {key: value for key, value in found.items() if key != "network"})
    return str(found["network"])


def _factor(text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise NasbenchError(f"a factor is a number such as 1.5, or one over another, such as 2/3; got {text!r}") from None


def _side(text: str, g: Genotype) -> int:
    try:
        if text.startswith("x"):
            return scaled_side(g.input[1], float(text[1:]))
        return int(text)
    except (ValueError, OverflowError):
        raise NasbenchError(f"--resolution is a side in pixels, such as 160, or a factor, such as x0.714; got {text!r}") from None

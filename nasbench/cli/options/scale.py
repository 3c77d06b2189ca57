"""The options of `scale`: a law, or factors of depth, width and resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from nasbench.cli.options.recipe_file import take_options
from nasbench.errors import NasbenchError
from nasbench.files import read_json
from nasbench.genotype import Genotype
from nasbench.genotype.yaml import load_yaml
from nasbench.scaling import PUBLISHED, Law, fast, from_spec, scale
from nasbench.scaling.scale import scaled_side


class KnownLaw(NamedTuple):
    """A law and its origin in words; `fit` is the content of `fit.json` if a fit found the law, and else empty."""

    origin: str
    law: Law
    fit: Mapping[str, Any]


@dataclass(frozen=True)
class LawOptions:
    """The law of compound scaling, given in one of three ways; default: EfficientNet's."""

    alpha: Annotated[float | None, typer.Option(help="Factor of the depth in one step of phi; 1.2 is EfficientNet's.")] = None
    beta: Annotated[float | None, typer.Option(help="Factor of the width in one step; 1.1 is EfficientNet's.")] = None
    gamma: Annotated[float | None, typer.Option(help="Factor of the resolution in one step; 1.15 is EfficientNet's.")] = None
    spec: Annotated[
        str | None, typer.Option(help="Weights of depth, width and resolution in place of coefficients, such as d1_w8_r1; or fast.")
    ] = None
    law: Annotated[
        list[Path] | None, typer.Option(help="Folder of a fit, whose law is used. Given again: more fits, whose laws are shown beside it.")
    ] = None

    def laws(self) -> list[KnownLaw]:
        """The law to use, then the laws that are shown beside it.

        Raises:
            NasbenchError: the law is given in two ways, or a fit cannot be read.
        """
        ways = (("--alpha, --beta, --gamma", self._coefficients), ("--spec", self.spec), ("--law", self.law))
        given = [name for name, value in ways if value]
        if len(given) > 1:
            raise NasbenchError(f"a law is given in one way; got {' and '.join(given)}; leave out all but one")
        if self.law:
            return [read_law(path) for path in self.law]
        if self.spec is not None:
            return [KnownLaw(self.spec, fast() if self.spec == "fast" else from_spec(self.spec), {})]
        alpha, beta, gamma = (
            default if value is None else value
            for value, default in ((self.alpha, PUBLISHED.alpha), (self.beta, PUBLISHED.beta), (self.gamma, PUBLISHED.gamma))
        )
        return [KnownLaw("given" if self._coefficients else "EfficientNet's", Law(alpha, beta, gamma), {})]

    @property
    def _coefficients(self) -> bool:
        """Whether a coefficient is given."""
        return any(value is not None for value in (self.alpha, self.beta, self.gamma))


@dataclass(frozen=True)
class FactorOptions:
    """How far to scale along the law, or factors without a law; and how to round."""

    phi: Annotated[float | None, typer.Option(help="Steps of the law; default: 1.")] = None
    size: Annotated[float | None, typer.Option(help="Factor of the multiply-adds before rounding, in place of --phi.")] = None
    depth: Annotated[
        str | None, typer.Option(help="Factor of the number of layers in the stages, such as 1.5 or 2/3, in place of a law.")
    ] = None
    width: Annotated[str | None, typer.Option(help="Factor of the widths, such as MobileNet's alpha or Wide ResNet's k.")] = None
    resolution: Annotated[str | None, typer.Option(help="Side of the input in pixels, such as 160, or its factor, such as x0.714.")] = None
    divisor: Annotated[int | None, typer.Option(help="Widths are multiples of it; default: 8.")] = None
    rounding: Annotated[
        str | None,
        typer.Option(
            help="up (as EfficientNet: layers are rounded up, widths lose at most a tenth), nearest (as pycls) or total (the blocks of all "
            "stages are counted together); default: nearest with --spec, total with --law, else up."
        ),
    ] = None
    stem: Annotated[bool, typer.Option(help="Whether the width of the stem changes; Wide ResNet keeps it.")] = True
    head: Annotated[
        bool, typer.Option(help="Whether the widths of the head's convolutions change; MnasNet and a smaller MobileNetV2 keep them.")
    ] = True

    @property
    def alone(self) -> bool:
        """Whether factors are given instead of a law."""
        return any(value is not None for value in (self.depth, self.width, self.resolution))

    def scaled(self, g: Genotype, law: Law, rounding: str) -> Genotype:
        """The scaled network.

        Args:
            rounding: the default of `--rounding`.

        Raises:
            NasbenchError: factors together with steps along a law, or impossible values.
        """
        if self.alone and (self.phi is not None or self.size is not None):
            raise NasbenchError("--phi and --size follow a law, --depth, --width and --resolution follow none; leave out one or the other")
        if self.phi is not None and self.size is not None:
            raise NasbenchError(f"--phi and --size both say how far to scale; got {self.phi:g} and {self.size:g}; leave one out")
        options: dict[str, Any] = {"divisor": self.divisor, "rounding": self.rounding or rounding, "stem": self.stem, "head": self.head}
        if self.alone:
            side = None if self.resolution is None else _side(self.resolution, g)
            depth, width = (1.0 if text is None else _factor(text) for text in (self.depth, self.width))
            return scale(g, depth=depth, width=width, resolution=side, **options)
        return scale(g, phi=self.steps(law), alpha=law.alpha, beta=law.beta, gamma=law.gamma, **options)

    def steps(self, law: Law) -> float:
        """The steps of the law.

        Raises:
            NasbenchError: an impossible size, or a law that does not grow.
        """
        if self.size is None:
            return 1.0 if self.phi is None else self.phi
        if not 0 < self.size <= 1e6:
            raise NasbenchError(f"--size is the factor of the multiply-adds, above 0 and at most a million; got {self.size:g}; try 2")
        if law.growth == 1:
            raise NasbenchError(f"--size needs a law that grows; got {law}; give --phi, or other coefficients")
        return law.steps(self.size)


def read_law(path: Path) -> KnownLaw:
    """The law of a fit, from its folder or its fit.json.

    Raises:
        NasbenchError: the folder holds no finished fit.
    """
    file = path / "fit.json" if path.is_dir() else path
    try:
        report = read_json(file)
        fit = report["fit"]
        law = Law(fit["alpha"]["value"], fit["beta"]["value"], fit["gamma"]["value"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, NasbenchError):
            raise
        raise NasbenchError(
            f"a finished fit stores its law in fit.json; {file} cannot be read ({error}); finish the fit with the command that began it, "
            "or name another one"
        ) from None
    return KnownLaw(f"{path.name}, under {report['cost']}", law, report)


def read_recipe(ctx: typer.Context, name: str) -> str:
    """The network of a recipe file, whose other lines become the defaults of the command's options; any other name unchanged.

    A recipe file is a YAML file with the key `network`.

    Raises:
        NasbenchError: a line that is not an option of the command.
    """
    if not name.endswith((".yaml", ".yml")) or not Path(name).is_file():
        return name
    lines, _ = load_yaml(Path(name), NasbenchError)
    if not isinstance(lines, dict) or "network" not in lines:
        return name
    take_options(ctx, Path(name), {key: value for key, value in lines.items() if key != "network"})
    return str(lines["network"])


def _factor(text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise NasbenchError(f"a factor is a number, such as 1.5, or a fraction, such as 2/3; got {text!r}") from None


def _side(text: str, g: Genotype) -> int:
    try:
        if text.startswith("x"):
            return scaled_side(g.input[1], float(text[1:]))
        return int(text)
    except (ValueError, OverflowError):
        raise NasbenchError(f"--resolution is a side in pixels, such as 160, or a factor, such as x0.714; got {text!r}") from None

"""The winner of a study, read from its folder."""

from __future__ import annotations

import os
from pathlib import Path

from nasbench.errors import GenotypeError, StudyError
from nasbench.genotype import Genotype, Network, as_genotype
from nasbench.study.directory import STUDY_FILE, StudyDirectory
from nasbench.study.plugins import load_stored_plugins
from nasbench.zoo import known


def is_folder(network: object) -> bool:
    """Whether a network is given as a folder, and not as a known network or a file that has the same name."""
    if not isinstance(network, str | os.PathLike) or str(network) in known() or str(network).endswith((".yaml", ".yml")):
        return False
    return os.path.isdir(network)


def winner_or_network(network: Network) -> Genotype:
    """The winner of a study, if `network` is the study's folder; else the network itself.

    Raises:
        NasbenchError: see `stored_winner` and `as_genotype`.
    """
    return stored_winner(Path(str(network))) if is_folder(network) else as_genotype(network)


def stored_winner(path: Path) -> Genotype:
    """The network that the study in the folder `path` delivers.

    Raises:
        StudyError: there is no study, or it has no winner.
    """
    StudyDirectory.open(path)
    file = winner_file(path)
    if not file.exists():
        raise StudyError(
            f"a study's winner is trained; {path} has none; finish the study with `nasbench resume {path}`, or write its best trial so far "
            f"to a file with `nasbench export {path} -o best.yaml` and train that"
        )
    return genotype_of_study(path, file)


def winner_file(path: Path) -> Path:
    """Where the study in the folder `path` keeps its winner."""
    return path / "best" / "genotype.yaml"


def genotype_of_study(path: Path, source: Path | str) -> Genotype:
    """A genotype of the study in the folder `path`, from a file or from YAML; the study's own block types are loaded only if it needs them.

    Raises:
        GenotypeError: it cannot be read.
        StudyError: the study's block types may not be loaded; see `load_stored_plugins`.
    """
    try:
        return Genotype.from_yaml(source)
    except GenotypeError:
        if not (path / STUDY_FILE).is_file():
            raise
        load_stored_plugins(path)
        return Genotype.from_yaml(source)

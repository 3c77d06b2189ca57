"""What probes have measured, by data and space: in the user's cache, and for the embedded images in the package."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nasbench.errors import IgnoredFileWarning, NasbenchError
from nasbench.files import MALFORMED, cache_folder, checksum, read_json, write_atomic
from nasbench.search.probe.ranking import Ranking
from nasbench.training.recipe import Recipe

MEASURED = Path(__file__).parent / "measured"


def rankings_file(data: str, space: str) -> Path:
    """The file of a user's own probes.

    Args:
        data: fingerprint of the images; space: digest of the space.
    """
    return cache_folder() / "rankings" / f"{_key(data, space)}.json"


class Stored(NamedTuple):
    """What is known of the images and the space.

    Attributes:
        rankings: one for each short training that was measured.
        chosen: the recipe of the one that ranks best, which searches use by default; None before a probe has compared the default.
    """

    rankings: tuple[Ranking, ...] = ()
    chosen: Recipe | None = None

    def of(self, recipe: Recipe) -> Ranking | None:
        """How well this recipe ranks; None if that was not measured."""
        return next((found for found in self.rankings if found.recipe == recipe.to_dict()), None)

    def with_others(self, rankings: Sequence[Ranking], chosen: Recipe | None) -> Stored:
        """With newer ones, which replace those of the same recipes, and the newer choice if there is one."""
        kept = (old for old in self.rankings if all(old.recipe != new.recipe for new in rankings))
        return Stored((*rankings, *kept), chosen or self.chosen)


def save_rankings(data: str, space: str, stored: Stored, path: Path | None = None) -> Path:
    """Store what probes have measured.

    Raises:
        NasbenchError: the file cannot be written.
    """
    chosen = None if stored.chosen is None else stored.chosen.to_dict()
    content: dict[str, Any] = {"data": data, "space": space, "chosen": chosen, "rankings": [r.to_json() for r in stored.rankings]}
    path = path or rankings_file(data, space)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(content | {"checksum": checksum(content)}, indent=1) + "\n")
    return path


def stored_rankings(data: str, space: str) -> Stored:
    """What probes have measured of these images and this space; empty if there was none.

    A damaged file gives an IgnoredFileWarning, and is as if it were not there.
    """
    for path in (rankings_file(data, space), MEASURED / f"{_key(data, space)}.json"):
        if not path.exists():
            continue
        try:
            content = read_json(path)
            if content.pop("checksum") != checksum(content) or (content["data"], content["space"]) != (data, space):
                raise ValueError("its content does not match its checksum")
            chosen = None if content["chosen"] is None else Recipe.from_dict(content["chosen"])
            return Stored(tuple(Ranking.from_json(entry) for entry in content["rankings"]), chosen)
        except (OSError, NasbenchError, *MALFORMED) as error:
            warnings.warn(f"{path} is ignored ({error}); `nasbench plan --probe` measures it again", IgnoredFileWarning, stacklevel=2)
    return Stored()


def _key(data: str, space: str) -> str:
    return checksum({"data": data, "space": space})[:16]

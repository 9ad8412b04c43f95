"""The plain scripts of the libraries: running them, and keeping what they took."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from searchlab.core.space import Scalar

from . import commands, studies

_SCRIPTS = Path(__file__).parent / "plain"


@dataclass(frozen=True)
class Plain:
    """What a plain script did.

    Attributes:
        wall: seconds from the start of its process to its end.
        searching: seconds of the search alone, without imports and data.
        epochs: model-epochs of all trainings.
        params: the params that it tried, in order.
        values: the objective of each; None for a pruned trial.
        date: when this was measured.
        kept: whether it was measured by an earlier run of the benchmark.
    """

    wall: float
    searching: float
    epochs: int
    params: Sequence[Mapping[str, Scalar]]
    values: Sequence[float | None]
    date: str = field(default_factory=studies.today)
    kept: bool = False

    @property
    def rate(self) -> float:
        """Model-epochs a second of the search alone."""
        return self.epochs / self.searching

    @property
    def remark(self) -> str:
        """What the table has to say of an old measurement."""
        return f"; plain script measured on {self.date}" if self.kept else ""


@dataclass(frozen=True)
class Peers:
    """Runs plain scripts, or looks up what they took before.

    Attributes:
        directory: where they run, each in a new directory.
        store: the directory of what was measured.
        reuse: whether a measurement that is there is taken.
    """

    directory: Path
    store: Path
    reuse: bool

    def run(self, script: str, trials: int, epochs: int) -> Plain:
        """Runs a script of `plain/`.

        Args:
            script: its name, without `.py`.
            trials: how many trials (candidates) it tries.
            epochs: the most epochs of a training.
        """
        name = f"{script}-{trials}-{epochs}"
        file = self.store / f"{name}.json"
        if self.reuse and file.is_file():
            return Plain(**{**json.loads(file.read_text()), "kept": True})
        command = [_SCRIPTS / f"{script}.py", "--trials", str(trials), "--epochs", str(epochs)]
        finished = commands.run(command, self.directory / name)
        plain = of_results(finished.results, finished.seconds)
        self.store.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(plain), indent=1))
        return plain


def of_results(results: Mapping[str, Any], wall: float) -> Plain:
    """What a script printed, with the wall time of its process."""
    searching = results["seconds"]
    return Plain(wall, searching, results["epochs"], results["params"], results["values"])


def alike(ours: Sequence[Mapping[str, Scalar]], plain: Sequence[Mapping[str, Scalar]]) -> int:
    """How many candidates are the same in both, from the first on."""
    count = 0
    for left, right in zip(ours, plain, strict=False):
        if left.keys() != right.keys() or not all(_equal(left[k], right[k]) for k in left):
            break
        count += 1
    return count


def _equal(left: Scalar, right: Scalar) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9)
    return left == right

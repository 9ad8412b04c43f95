"""The plain scripts of the libraries: their runs, and their stored measurements."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from searchlab.core.domains import Scalar

from . import commands, studies

_SCRIPTS = Path(__file__).parent / "plain"


@dataclass(frozen=True)
class Plain:
    """The measurements of a plain script.

    Attributes:
        wall: seconds from the start of its process to its end.
        searching: seconds of the search alone, without imports and data.
        epochs: model-epochs of all trainings.
        params: the params that it tried, in order.
        values: the objective of each; None for a pruned trial.
        date: the date of measurement.
        kept: whether an earlier run of the benchmark measured it.
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
        """Model-epochs per second of the search alone."""
        return self.epochs / self.searching

    @property
    def remark(self) -> str:
        """The table's remark about an old measurement."""
        return f"; plain script measured on {self.date}" if self.kept else ""


@dataclass(frozen=True)
class Peers:
    """Plain scripts, run or looked up.

    Attributes:
        directory: where they run, each in a new subdirectory.
        store: the directory of stored measurements.
        reuse: whether to use stored measurements.
    """

    directory: Path
    store: Path
    reuse: bool

    def run(self, script: str, trials: int, epochs: int) -> Plain:
        """Run a script of `plain/`.

        Args:
            script: its name, without `.py`.
            trials: number of trials (candidates) that it tries.
            epochs: maximum epochs of a training.
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
    """Combine a script's printed results with the wall time of its process."""
    searching = results["seconds"]
    return Plain(wall, searching, results["epochs"], results["params"], results["values"])


def alike(ours: Sequence[Mapping[str, Scalar]], plain: Sequence[Mapping[str, Scalar]]) -> int:
    """Return how many candidates are the same in both, counted from the first."""
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

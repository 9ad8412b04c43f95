"""What a packaged model says of itself: the file `model.json` of its directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchlab.core.codec import decode, encode
from searchlab.data.schema import RowSchema
from searchlab.errors import PackageError

MANIFEST = "model.json"
FORMAT = 1
"""The version of the format; a package with another one is refused."""


@dataclass(frozen=True)
class Manifest:
    """Where a packaged model comes from and what it needs.

    Attributes:
        study: the study's name.
        trial: the number of the trial that it was made of.
        params: the trial's params.
        fixed: the params that all trials of the study have.
        seed: the seed of its training.
        epochs: the epochs that its training had, or could have had at most.
        refitted: whether it was fitted to all rows but the test's.
        factory: the model factory, as the study file names it.
        objective: the metric that the search made better, as Keras names it.
        scores: `search`, `confirmed` and `spread` in the objective, as far as they are known.
        measured: the rows that `metrics` were measured on, "test" or "validation".
        metrics: the metrics of this model, as Keras names them.
        rows: what the raw rows look like.
        data: `name`, `source`, `digest` (SHA-256) and `rows` of the data set.
        versions: the versions of the libraries that it was made with, by their names on the
            package index; and of Python.
        created: when it was made, in ISO 8601, UTC.
    """

    study: str
    trial: int
    params: Mapping[str, Any]
    fixed: Mapping[str, Any]
    seed: int
    epochs: int
    refitted: bool
    factory: str
    objective: str
    scores: Mapping[str, float]
    measured: str
    metrics: Mapping[str, float]
    rows: RowSchema
    data: Mapping[str, Any]
    versions: Mapping[str, str]
    created: str

    def write(self, package: Path) -> None:
        """Writes it into a package's directory."""
        values = {"format": FORMAT, **encode(self)}
        text = json.dumps(values, indent=1, ensure_ascii=False)
        (package / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, package: Path) -> Manifest:
        """Reads that of a package's directory.

        Raises:
            PackageError: if it is not there, damaged, or of another version of searchlab.
        """
        file = package / MANIFEST
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            found = values.pop("format")
            if found != FORMAT:
                raise PackageError(
                    f"{file}: has the format {found}, and this searchlab reads {FORMAT}: use the "
                    "version of searchlab that wrote it, or run the study again"
                )
            return decode(cls, values)
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            why = getattr(error, "strerror", None) or error
            raise PackageError(
                f"{file}: cannot be read ({why}): run the study again to write it anew"
            ) from None

"""The description of a packaged model: the file `model.json` in its directory."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchlab.core.codec import decode, encode
from searchlab.data.schema import RowSchema
from searchlab.errors import PackageError

MANIFEST = "model.json"
FORMAT = 2
"""Format version; a package with another one is rejected."""

_CHECKSUM = "checksum"


@dataclass(frozen=True)
class Manifest:
    """The origin and the requirements of a packaged model.

    Attributes:
        study: name of the study.
        trial: number of the trial it comes from.
        params: the trial's params.
        fixed: the params shared by all trials of the study.
        seed: the training's seed.
        epochs: the epochs of its training, or their upper limit.
        refitted: whether it was fitted to all rows except the test rows, if there are any.
        factory: the model factory, as written in the study file.
        objective: the metric that the search optimized, by its Keras name.
        scores: `search`, `confirmed` and `spread` values of the objective, as far as known.
        measured: the rows used to measure `metrics`, "test" or "validation".
        metrics: the metrics of this model, by their Keras names; if it was refitted and measured on
            "validation", those of the model before the refit.
        rows: the schema of the raw rows.
        data: `name`, `source`, `digest` (SHA-256) and `rows` of the data set.
        versions: versions of Python and of the libraries used to make it, by distribution name.
        created: time of creation, ISO 8601, UTC.
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
        """Write the manifest into a package's directory."""
        values = {"format": FORMAT, **encode(self)}
        values[_CHECKSUM] = _checksum(json.loads(json.dumps(values)))
        text = json.dumps(values, indent=1, ensure_ascii=False)
        (package / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, package: Path) -> Manifest:
        """Read a package's manifest.

        Raises:
            PackageError: if it is missing, was changed, or has another format version.
        """
        file = package / MANIFEST
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            found = values.pop("format")
            if found != FORMAT:
                raise PackageError(
                    f"{file}: has format {found}, but this searchlab reads {FORMAT}: use the "
                    "version of searchlab that wrote it, or run the study again"
                )
            if values.pop(_CHECKSUM) != _checksum({"format": found, **values}):
                raise ValueError("it was changed after it had been written")
            return decode(cls, values)
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            why = getattr(error, "strerror", None) or error
            raise PackageError(
                f"{file}: cannot be read ({why}): run the study again to rewrite it"
            ) from None


def _checksum(values: Mapping[str, Any]) -> str:
    """Return the checksum of values as JSON gives them back, however they are laid out."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return f"{zlib.crc32(text.encode()):08x}"

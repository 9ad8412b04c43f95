"""A study's data set as an MLflow data set: described, never loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag

from searchlab.private.mlflow import array_schema, code_source

_DIGEST = 36  # characters, MLflow's limit


def dataset_input(data: Mapping[str, Any]) -> DatasetInput:
    """Return the input of a study's run.

    Args:
        data: `Started.data`: name, source, digest, rows, input_shape and further facts.
    """
    profile = {key: value for key, value in data.items() if key not in ("name", "source")}
    dataset = Dataset(
        name=str(data.get("name", "unknown"))[:500],
        digest=str(data.get("digest", ""))[:_DIGEST] or "unknown",
        source_type="code",
        source=code_source(str(data.get("source", ""))),
        schema=_schema(data),
        profile=json.dumps(profile, default=str),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "train, validation, test")])


def dataset_label(data: Mapping[str, Any]) -> str:
    """Return name and digest in one short text, for a tag that runs are searched by."""
    return f"{data.get('name', 'unknown')}@{str(data.get('digest', ''))[:_DIGEST]}"


def _schema(data: Mapping[str, Any]) -> str | None:
    """Return the features' shape as MLflow's pages show it, if it is known."""
    shape = data.get("input_shape")
    return array_schema(shape, text=bool(data.get("raw_text"))) if shape else None

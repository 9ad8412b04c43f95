"""An MLflow flavor for packaged models: one directory that MLflow loads in two ways.

`mlflow.pyfunc.load_model` takes raw rows; `mlflow.keras.load_model` returns the Keras model, which
takes preprocessed rows. `Model.log(flavor=...)` accepts this module as a flavor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType

from searchlab.core.versions import PACKAGE
from searchlab.data.example import load_example
from searchlab.data.schema import Label, RowSchema
from searchlab.package.manifest import Manifest
from searchlab.private.mlflow import keras_flavor


def save_model(
    path: str,
    package: Path,
    mlflow_model: Model | None = None,
    validate_serving_input: bool = False,  # noqa: ARG001 - read by `Model.log`, which passes it on
) -> None:
    """Write a package as an MLflow model.

    Args:
        path: the directory to write, which must not exist.
        package: the packaged model.
        mlflow_model: MLflow's metadata so far; a new one is created if None.
        validate_serving_input: whether `Model.log` loads the logged model to try it.

    Raises:
        PackageError: if the package is incomplete.
    """
    manifest = Manifest.read(package)
    example = load_example(package)
    described = Model() if mlflow_model is None else mlflow_model
    own = keras_flavor(f"data/{package.name}", manifest.versions["keras"])
    described.add_flavor("keras", **own)
    mlflow.pyfunc.save_model(
        path,
        loader_module="searchlab.inference.pyfunc",
        data_path=str(package),
        code_paths=[str(PACKAGE)],
        mlflow_model=described,
        signature=signature(manifest.rows, example),
        input_example=example,
        pip_requirements=requirements(manifest),
    )


def requirements(manifest: Manifest) -> list[str]:
    """Return the pinned requirements that `mlflow models serve` installs.

    They are the versions the model was made with. Inferring them takes MLflow 13 seconds.
    """
    versions = manifest.versions.items()
    return [f"{name}=={version}" for name, version in versions if name != "python"]


def signature(schema: RowSchema, example: pd.DataFrame | np.ndarray[Any, Any]) -> ModelSignature:
    """Return the MLflow signature of raw rows and predictions.

    Dates, whole numbers and booleans are typed `any`: given their own types, MLflow (3.17) rejects
    a column that has a missing value, or truncates fractions. Preprocessing checks them instead.

    Args:
        schema: the schema of the rows.
        example: a few raw rows.
    """
    if isinstance(example, np.ndarray):
        inputs: list[Any] = [TensorSpec(example.dtype, (-1, *schema.shape))]
    else:
        inputs = [ColSpec(_type(name, schema), name) for name in schema.kinds]
        if schema.id is not None:
            inputs.append(ColSpec(_any(), schema.id, required=False))
    answer = _label_type(schema.labels[0]) if schema.labels else DataType.float
    outputs: list[Any] = [ColSpec(answer, schema.target)]
    outputs += [ColSpec(DataType.double, f"probability_{label}") for label in schema.labels]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _type(name: str, schema: RowSchema) -> Any:
    if schema.kinds[name] in {"category", "text"}:
        return DataType.string
    double = schema.kinds[name] == "number" and name not in schema.whole
    return DataType.double if double else _any()


def _any() -> AnyType:
    return AnyType()  # type: ignore[no-untyped-call]


def _label_type(label: Label) -> DataType:
    types = {bool: DataType.boolean, int: DataType.long, float: DataType.double}
    return types.get(type(label), DataType.string)

"""A packaged model as an MLflow model: one directory, which MLflow loads in two ways.

`mlflow.pyfunc.load_model` takes raw rows; `mlflow.keras.load_model` gives the Keras model, which
takes preprocessed ones. `Model.log(flavor=...)` takes this module for a flavor.
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


def save_model(
    path: str,
    package: Path,
    mlflow_model: Model | None = None,
    validate_serving_input: bool = False,  # noqa: ARG001 - read by `Model.log`, which passes it on
) -> None:
    """Writes an MLflow model.

    Args:
        path: the directory to write, which must not exist.
        package: the packaged model.
        mlflow_model: what MLflow knows of it already.
        validate_serving_input: whether `Model.log` loads what it has logged, to try it.

    Raises:
        PackageError: if the package is not whole.
    """
    manifest = Manifest.read(package)
    example = load_example(package)
    described = Model() if mlflow_model is None else mlflow_model
    described.add_flavor(
        "keras",
        data=f"data/{package.name}",
        keras_version=manifest.versions["keras"],
        keras_backend="tensorflow",
        save_exported_model=False,
    )
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
    """What `mlflow models serve` installs: exactly what the model was made with.

    MLflow would take 13 seconds to find out itself.
    """
    versions = manifest.versions.items()
    return [f"{name}=={version}" for name, version in versions if name != "python"]


def signature(schema: RowSchema, example: pd.DataFrame | np.ndarray[Any, Any]) -> ModelSignature:
    """The types of raw rows and of the answers.

    Whole numbers and booleans are `any`: with types of their own, MLflow (3.17) refuses such a
    column as soon as a value is missing, or cuts fractions off. The preprocessing checks them.

    Args:
        schema: what the rows look like.
        example: a few of them.
    """
    if isinstance(example, np.ndarray):
        inputs: list[Any] = [TensorSpec(example.dtype, (-1, *schema.shape))]
    else:
        inputs = [ColSpec(_type(name, schema), name) for name in schema.kinds]
    answer = _label_type(schema.labels[0]) if schema.labels else DataType.float
    outputs: list[Any] = [ColSpec(answer, schema.target)]
    outputs += [ColSpec(DataType.double, f"probability_{label}") for label in schema.labels]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _type(name: str, schema: RowSchema) -> Any:
    if schema.kinds[name] in {"category", "text"}:
        return DataType.string
    double = schema.kinds[name] == "number" and name not in schema.whole
    return DataType.double if double else AnyType()  # type: ignore[no-untyped-call]


def _label_type(label: Label) -> DataType:
    types = {bool: DataType.boolean, int: DataType.long, float: DataType.double}
    return types.get(type(label), DataType.string)

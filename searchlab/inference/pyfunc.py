"""MLflow's entry point to a model: `mlflow.pyfunc.load_model(...).predict(raw_rows)`.

A logged model carries searchlab's own source (`code/searchlab`), because searchlab is on no
package index: with the model's requirements installed, it loads without searchlab.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException

from searchlab.errors import InputError
from searchlab.inference.loading import load_package
from searchlab.inference.model import Model


class RawRowsModel:
    """Adapter from MLflow's calls to `Model.table`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, rows: Any, params: Any = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow's
        """Predict raw rows.

        Args:
            rows: a frame with the data set's columns, or an array of images.
            params: required by MLflow; unused.

        Returns:
            The result of `Model.table`.

        Raises:
            MlflowException: if the rows do not match the data set's schema. The scoring server
                returns its message.
        """
        try:
            return self.model.table(rows)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


def _load_pyfunc(path: str) -> RawRowsModel:
    """Load the package at `path` for MLflow, which calls this function by name."""
    return RawRowsModel(load_package(Path(path)))

"""What MLflow loads of a model: `mlflow.pyfunc.load_model(...).predict(raw_rows)`.

A logged model has this package's own source with it (`code/searchlab`), because searchlab is on
no package index: with the model's requirements installed, it loads where searchlab is not.
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
    """Answers MLflow's calls with `Model.table`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, rows: Any, params: Any = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow's
        """Predicts raw rows.

        Args:
            rows: a frame with the columns of the data set, or an array of images.
            params: MLflow's; there are none.

        Returns:
            What `Model.table` gives.

        Raises:
            MlflowException: if the rows are not like those of the data set. The scoring server
                answers with its message.
        """
        try:
            return self.model.table(rows)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error


def _load_pyfunc(path: str) -> RawRowsModel:
    """The function that MLflow calls, with the path of the package."""
    return RawRowsModel(load_package(Path(path)))

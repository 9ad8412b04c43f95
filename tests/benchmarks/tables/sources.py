"""Twelve public tables, read from the packages that ship them."""

from __future__ import annotations

import importlib.util
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class PublicTable:
    """A table and the question that is asked of it.

    Attributes:
        name: its name in the results.
        source: the package that ships it.
        target: the column to predict.
        read: reads it.
        drop: columns that no analyst would take for features.
    """

    name: str
    source: str
    target: str
    read: Callable[[], pd.DataFrame]
    drop: tuple[str, ...] = ()

    def write(self, directory: Path) -> Path:
        """Write the rows whose target is known to a CSV file and return its path."""
        path = directory / f"{self.name}.csv"
        frame = self.read().drop(columns=list(self.drop)).dropna(subset=[self.target])
        frame.to_csv(path, index=False)
        return path


def _package(name: str) -> Path:
    """Return the directory of an installed package without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f'{name} is not installed: pip install -e ".[benchmarks]"')
    return Path(spec.origin).parent


def _scikit_learn(function: str) -> pd.DataFrame:
    from sklearn import datasets

    frame: pd.DataFrame = getattr(datasets, function)(as_frame=True).frame
    return frame


def _statsmodels(name: str, **options: Any) -> pd.DataFrame:
    return pd.read_csv(_package("statsmodels") / "datasets" / name / f"{name}.csv", **options)


def _vega(file: str) -> pd.DataFrame:
    path = _package("vega_datasets") / "_data" / file
    return pd.read_json(path, convert_dates=False) if path.suffix == ".json" else pd.read_csv(path)


def _pydataset(member: str) -> pd.DataFrame:
    # Importing the package would unpack all of it into the user's home directory.
    with tarfile.open(_package("pydataset") / "resources.tar.gz") as archive:
        file = archive.extractfile(f"resources/rdata/csv/{member}.csv")
        assert file is not None
        return pd.read_csv(file, index_col=0)


_ANES = {"sep": "\t", "quotechar": "'"}

TABLES = (
    PublicTable("diabetes", "scikit-learn", "target", partial(_scikit_learn, "load_diabetes")),
    PublicTable(
        "cars", "vega-datasets", "Miles_per_Gallon", partial(_vega, "cars.json"), drop=("Name",)
    ),
    PublicTable("housing", "pydataset", "price", partial(_pydataset, "Ecdat/Housing")),
    PublicTable("computers", "pydataset", "price", partial(_pydataset, "Ecdat/Computers")),
    PublicTable("affairs", "statsmodels", "affairs", partial(_statsmodels, "fair")),
    PublicTable(
        "california",
        "scikit-learn",
        "MedHouseVal",
        partial(_scikit_learn, "fetch_california_housing"),
    ),
    PublicTable("diamonds", "pydataset", "price", partial(_pydataset, "ggplot2/diamonds")),
    PublicTable(
        "breast_cancer", "scikit-learn", "target", partial(_scikit_learn, "load_breast_cancer")
    ),
    PublicTable("vote", "statsmodels", "vote", partial(_statsmodels, "anes96", **_ANES)),
    PublicTable("titanic", "pydataset", "survived", partial(_pydataset, "COUNT/titanic")),
    PublicTable("weather", "vega-datasets", "weather", partial(_vega, "seattle-weather.csv")),
    PublicTable("mortgages", "pydataset", "deny", partial(_pydataset, "Ecdat/Hdma")),
)
"""The tables: quantities first, then classes, each from the fewest rows on."""

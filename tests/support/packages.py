"""Real packaged models of small data sets, made in this process as a study's end makes them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from searchlab.core.trial import Decision, Suggestion, Trial
from searchlab.data.prepare import prepare
from searchlab.study.spec import StudySpec
from searchlab.training.job import RefitJob

FILES = ("model_factories.py", "own_layers.py")
"""The user's own code of `package_with_code`."""

_FACTORIES = Path(__file__).parents[1] / "inference"
PARAMS = {"n_hidden": 1, "n_neurons": 8, "learning_rate": 0.05}


def package_of(directory: Path, data, factory: str = "mlp", target: str = "y", **more) -> Path:
    """Train a model on a frame, or on arrays by name, and return its package.

    Args:
        directory: a fresh directory; a factory's file is named relative to it.
        data: a frame, which becomes a CSV file, or a dict of arrays, which becomes an NPZ file.
        factory: the model factory.
        target: the target.
        more: further keys of the study file's `data`.
    """
    if isinstance(data, pd.DataFrame):
        name = "rows.csv"
        data.to_csv(directory / name, index=False)
    else:
        name = "rows.npz"
        np.savez(directory / name, **data)
    spec = StudySpec.from_dict(
        {
            "name": "small",
            "data": {"path": name, "target": target, **more},
            "model": factory,
            "space": {"n_neurons": {"int": [4, 8]}},
            "training": {"epochs": 3, "batch_size": 16},
        }
    )
    prepare(spec, directory, directory / "data")
    return train(spec, directory)


def package_with_code(directory: Path) -> Path:
    """Package a subclassed model whose source is then no longer where it was.

    Args:
        directory: a fresh directory.
    """
    for name in FILES:
        shutil.copy(_FACTORIES / name, directory)
    with pytest.MonkeyPatch.context() as patch:
        for name in FILES:
            patch.delitem(sys.modules, Path(name).stem, raising=False)
        # Factories of other tests may have left directories with modules of these names.
        others = [each for each in sys.path if not (Path(each) / FILES[1]).exists()]
        patch.setattr(sys, "path", others)
        package_of(directory, table(), f"{FILES[0]}:subclassed")
        for name in FILES:
            del sys.modules[Path(name).stem]
    for name in FILES:
        (directory / name).unlink()
    shutil.rmtree(directory / "__pycache__", ignore_errors=True)
    return directory / "refit"


def train(spec: StudySpec, directory: Path) -> Path:
    """Train on data that have been prepared."""
    from searchlab.training.fit import run

    trial = Trial(4, Suggestion(PARAMS, epochs=3), seed=7)
    job = RefitJob(
        number=9,
        trial=trial,
        spec=spec,
        base=directory,
        data=directory / "data",
        directory=directory,
    )
    made = run(job, lambda report: Decision.CONTINUE)
    assert made.error is None, made.error
    return (directory / made.model_path).parent


def table(rows: int = 120, seed: int = 1) -> pd.DataFrame:
    """Numbers, whole numbers, booleans, categories, with a quantity `y`."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "rooms": rng.integers(1, 6, size=rows),
            "garden": rng.random(rows) < 0.5,
            "town": rng.choice(["Bern", "Graz", "Linz"], size=rows),
        }
    )
    return frame.assign(y=frame["size"] * 2 + frame["rooms"] + frame["garden"])

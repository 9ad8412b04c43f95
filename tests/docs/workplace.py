"""The directory in which the documentation's commands run, with a reader's data."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import documents
import numpy as np
import pandas as pd

SHORT = ("--trials", "1", "--epochs", "2", "--set", "confirm=0", "--set", "baselines=false")
"""Arguments added to each `searchlab run` so that it takes seconds."""


def make(directory: Path) -> None:
    """Write the data, the files shown on the pages, and the complete examples."""
    draw = np.random.default_rng(7)
    rooms, age = draw.integers(1, 9, 160), draw.uniform(0, 80, 160)
    district = draw.choice(["north", "south", "harbour"], 160)
    price = 40.0 * rooms - age + 30 * (district == "harbour") + draw.normal(0, 5, 160)
    houses = pd.DataFrame({"rooms": rooms, "age": age, "district": district, "price": price})
    houses.to_csv(directory / "houses.csv", index=False)
    houses.drop(columns="price").head(5).to_csv(directory / "new.csv", index=False)
    (directory / "districts.csv").write_text("class\n")
    (directory / "flats.csv").write_text("price\n")
    for name in ("reviews", "sales", "sales-spring", "sales-summer", "visits"):
        (directory / f"{name}.csv").write_text("columns\n")
    (directory / "pets").mkdir()
    (directory / "words").mkdir()
    for name in ("vocab.txt", "words/first.txt"):
        (directory / name).write_text("word\n")
    for file in (documents.ROOT / "docs" / "examples").glob("*.yaml"):
        shutil.copy(file, directory / f"example-{file.name}")
    documents.write_files(directory)


def arguments(command: str) -> list[str]:
    """Split a searchlab command line into its arguments, as a shell does."""
    return shlex.split(command, comments=True)[1:]


def shortened(command: str) -> list[str]:
    """Return the arguments of a command line; shorten it if it is a run."""
    given = arguments(command)
    return [*given, *SHORT] if given[0] == "run" else given

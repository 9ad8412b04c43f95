"""Raw text reaches the model as it is written, and nothing of the rows that score it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from searchlab.data.columns import texts
from searchlab.data.columns.texts import TextPreprocessing
from searchlab.data.load import load
from searchlab.data.prepare import prepare
from searchlab.data.prepared import PreparedData, open_data
from searchlab.data.preprocessing import load_preprocessing
from searchlab.engine.checks import study_problems
from searchlab.errors import DataError, StudyFileError
from searchlab.journal.layout import refit_data
from searchlab.study.data import DataSpec
from searchlab.study.file import load_study
from searchlab.study.spec import StudySpec

ROWS = 120


def write(base: Path, **more: Any) -> pd.DataFrame:
    """Write notes, each of which differs, with a quantity."""
    notes = [
        f"Lot {row}, \N{LATIN SMALL LETTER U WITH DIAERESIS}ber {'x' * row}!" for row in range(ROWS)
    ]
    frame = pd.DataFrame({"note": notes, "title": [f"No. {row}" for row in range(ROWS)], **more})
    frame["y"] = np.random.default_rng(0).normal(size=ROWS)
    frame.to_csv(base / "t.csv", index=False)
    return frame


def prepared(base: Path, evaluation: dict[str, Any], **data: Any) -> PreparedData:
    """Prepare and open t.csv with raw text."""
    data = {"path": "t.csv", "target": "y", "text": "raw", **data}
    values = {"name": "s", "data": data, "space": {"n": {"int": [1, 2]}}}
    prepare(StudySpec.from_dict({**values, "evaluation": evaluation}), base, base / "data")
    return open_data(base / "data")


def decoded(x: Any) -> set[tuple[str, ...]]:
    """Return rows of bytes as text."""
    return {tuple(cell.decode() for cell in row) for row in x.tolist()}


def test_texts_go_unchanged_and_missing_ones_empty(tmp_path: Path) -> None:
    """All parts together have the file's own texts, those of two columns side by side."""
    notes = write(tmp_path)
    notes.loc[3, "note"] = None
    notes.to_csv(tmp_path / "t.csv", index=False)
    data = prepared(tmp_path, {"holdout": 0.2})
    rows = [decoded(getattr(data, f"x_{part}")) for part in ("train", "validation", "test")]
    assert set().union(*rows) == set(zip(notes["note"].fillna(""), notes["title"], strict=True))
    assert (data.summary.raw_text, data.summary.input_shape) == (True, (2,))
    loaded = load_preprocessing(tmp_path / "data" / "preprocessing.skops")
    assert decoded(loaded.transform(notes[:1])) == {(notes["note"][0], "No. 0")}
    with pytest.raises(DataError, match="column 'title' is missing"):
        loaded.transform(notes[["note"]])


@pytest.mark.parametrize("evaluation", [{"holdout": 0.2}, {"folds": 3}])
def test_a_model_may_learn_words_of_the_rows_that_it_is_fitted_to_alone(
    tmp_path: Path, evaluation: dict[str, Any]
) -> None:
    """`meta["texts"]` is for `adapt`: a fold's has no text that scores it, a refit's has all."""
    write(tmp_path)
    data = prepared(tmp_path, evaluation, features=["note"])
    for number, (fit, score) in enumerate(data.folds):
        texts = decoded(data.fold(number).meta["texts"])
        assert texts == decoded(data.x_train[fit])
        assert not texts & decoded(data.x_train[score])
    whole = data.x_train if "folds" in evaluation else data.x_train[data.folds[0][0]]
    assert decoded(data.meta["texts"]) == decoded(whole)
    refit = open_data(refit_data(tmp_path / "data"))
    assert len(refit.meta["texts"]) == len(data.x_train) + len(data.x_validation)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """A number or a category beside the text is named, with what to write."""
    write(tmp_path, size=range(ROWS), kind=["a", "b"] * (ROWS // 2))
    with pytest.raises(DataError, match=r"column 'size' is a number: write kinds: \{size: text\}"):
        prepared(tmp_path, {"holdout": 0.2})
    with pytest.raises(DataError, match=r"column 'kind' is a category"):
        prepared(tmp_path, {"holdout": 0.2}, features=["note", "kind"])
    data = prepared(tmp_path, {"holdout": 0.2}, features=["kind"], kinds={"kind": "text"})
    assert decoded(data.x_train) == {("a",), ("b",)}


def test_a_text_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row takes the room of the longest text, so that one can be too long for all."""
    frame = write(tmp_path)
    monkeypatch.setattr(texts, "_LARGEST", 10_000)
    kinds = load(DataSpec(path="t.csv", target="y", features=("note",)), tmp_path).kinds
    with pytest.raises(DataError, match=r"keeps each of 120 rows in the room .* has 1\d\d bytes"):
        TextPreprocessing.of(kinds).transform(frame)


def test_a_built_in_model_takes_no_text(tmp_path: Path) -> None:
    """The study file is refused before anything runs, at its line."""
    (tmp_path / "t.csv").touch()
    (tmp_path / "s.yaml").write_text(
        "name: s\ndata:\n  path: t.csv\n  target: y\n  text: raw\n"
        "space: {n_hidden: {int: [0, 1]}}\nsearch: {trials: 1}\n"
    )
    with pytest.raises(
        StudyFileError, match=r"s\.yaml:5: data\.text: raw is for a factory of your"
    ):
        load_study(tmp_path / "s.yaml", checks=[study_problems])
    text = (tmp_path / "s.yaml").read_text()
    for wrong, said in (("row", "must be 'raw'"), ("[raw]", "must be raw, or a group")):
        (tmp_path / "s.yaml").write_text(text.replace("text: raw", f"text: {wrong}"))
        with pytest.raises(StudyFileError, match=rf"s\.yaml:5: data\.text: {said}"):
            load_study(tmp_path / "s.yaml")

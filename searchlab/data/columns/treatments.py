"""Words for what is done with each column."""

from __future__ import annotations

from typing import Any

from searchlab.data.columns.encoders import MOST

_SCALED = {
    "standardscaler": "mean 0, deviation 1",
    "minmaxscaler": "0 to 1",
    "robustscaler": "median 0, quartiles 1 apart",
    "quantiletransformer": "to a normal distribution, by rank",
}


def treatment(step: str, transformer: Any, place: int) -> str:
    """Say what a fitted step does with its column.

    Args:
        step: the step's name in the transformer of all columns.
        transformer: the step.
        place: the column's place among the step's columns.
    """
    if step == "boolean":
        return "0 or 1"
    if step == "category":
        return _of_categories(transformer, place)
    if step.startswith("text"):
        pieces = "characters" if transformer.analyzer == "char_wb" else "words"
        return f"TF-IDF of {len(transformer.vocabulary_)} {pieces}"
    return _scaled(transformer)


def _scaled(pipeline: Any) -> str:
    steps = list(pipeline.named_steps)
    known = next((text for name, text in _SCALED.items() if name in steps), None)
    if known is not None:
        return known
    filled_only = steps[-1] in {"simpleimputer", "ordinalencoder", "targetencoder"}
    return "as it is" if filled_only else f"by {type(pipeline[-1]).__name__}"


def _of_categories(transformer: Any, place: int) -> str:
    kind = type(transformer).__name__
    if kind == "Pipeline":
        if "targetencoder" not in transformer.named_steps:
            return f"by the alphabet, {_scaled(transformer)}"
        found = len(transformer[0].categories_[place])
        return f"the mean target of each of {found}, {_scaled(transformer)}"
    found = len(transformer.categories_[place])
    if kind == "OrdinalEncoder":
        return f"an integer of 0 to {found}"
    inputs = min(found, MOST)
    return f"one-hot, {inputs} input{'s' * (inputs != 1)}" + (f" for {found}" * (found > MOST))

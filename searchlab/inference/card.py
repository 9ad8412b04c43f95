"""The model card: a description of an exported model for whoever finds its directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from searchlab.core.escape import code_in_markdown, in_markdown
from searchlab.core.wording import ROWS, number_text
from searchlab.data.reading.dialect import Notation
from searchlab.package.manifest import Manifest

_MANY = 40  # columns listed at most

_FILES = {
    "model.keras": "the Keras model, which takes preprocessed rows",
    "preprocessing.skops": "the fitted preprocessing, from raw rows to the model's input",
    "model.json": "the model's origin and requirements",
    "example.json": "a few raw rows",
    "example.npy": "a few raw rows",
    "code": "the source of the model's custom layers; loading the model executes it",
    "saved_model": "TensorFlow's SavedModel, for preprocessed rows",
    "model.onnx": "the model as ONNX, for preprocessed rows",
}


def card(manifest: Manifest, directory: Path) -> str:
    """Render a model card in Markdown.

    Args:
        manifest: the model's description.
        directory: the exported directory whose files are listed.
    """
    return "\n".join(_lines(manifest, directory)) + "\n"


def _lines(of: Manifest, directory: Path) -> Iterator[str]:
    rows = of.rows
    kind = "quantity" if rows.task == "regression" else f"class ({len(rows.labels)} of them)"
    yield f"# {of.study}"
    yield ""
    yield f"A Keras model that predicts the {kind} {code_in_markdown(rows.target)}, found by"
    yield f"searchlab: the winner, trial {of.trial}, of the study `{of.study}`."
    yield f"Made on {of.created}."
    yield from _section("Scores")
    yield from _scores(of)
    yield from _section("Data")
    name, source = code_in_markdown(of.data["name"]), in_markdown(of.data["source"])
    yield f"{name} ({source}), {of.data['rows']:,} rows; SHA-256 of its"
    yield f"content: `{of.data['digest']}`."
    yield from _section("Input")
    yield from _input(of)
    if rows.labels:
        yield from [
            "",
            f"Classes: {', '.join(code_in_markdown(repr(label)) for label in rows.labels)}.",
        ]
    yield from _section("Params")
    yield from _table({**of.fixed, **of.params, "seed": of.seed, "epochs": of.epochs})
    yield from _section("Use")
    yield from _use(of)
    yield from _section("Files")
    yield from (
        f"- `{name}`: {what}" for name, what in _FILES.items() if (directory / name).exists()
    )
    yield from _section("Limits")
    yield from _limits(of)
    yield from _section("Environment")
    yield ", ".join(f"{name} {version}" for name, version in of.versions.items()) + "."


def _section(title: str) -> list[str]:
    return ["", f"## {title}", ""]


def _scores(of: Manifest) -> Iterator[str]:
    known = {name: number_text(value) for name, value in of.scores.items()}
    if "spread" in known:
        known["confirmed"] += f" ± {known.pop('spread')}"
    words = {"search": "in the search", "confirmed": "confirmed with other seeds"}
    found = {f"{of.objective}, {words[name]}": text for name, text in known.items()}
    rows = {**ROWS, "test": f"{ROWS['test']}, used once"}
    metrics = {
        f"{name}, on {rows[of.measured]}": number_text(value) for name, value in of.metrics.items()
    }
    yield from _table({**found, **metrics}, "score")
    if of.rows.transform:
        yield ""
        yield f"The model was fitted to the target {of.rows.transform}: losses are in these units,"
        yield "all other scores and the predictions in the target's own."


def _input(of: Manifest) -> Iterator[str]:
    rows = of.rows
    if not rows.kinds:
        yield f"Arrays of shape {' x '.join(map(str, rows.shape))}, as in the data set."
        return
    yield "Raw rows with these columns, in any order; values may be missing:"
    yield ""
    for name, kind in list(rows.kinds.items())[:_MANY]:
        form = f", {rows.forms[name]}" if name in rows.forms else ""
        sign = rows.dialect.notations.get(name, Notation()).sign
        unit = f", in {sign}: 45 is 45 {sign}" if sign else ""
        yield f"- {code_in_markdown(name)}: {kind}{form}{unit}"
    if len(rows.kinds) > _MANY:
        yield f"- and {len(rows.kinds) - _MANY} more: see `model.json`"
    if rows.id is not None:
        name = code_in_markdown(rows.id)
        yield f"- {name}, if there: goes with the predictions, and is no feature"


def _use(of: Manifest) -> Iterator[str]:
    yield from ["```python", "import searchlab", ""]
    yield 'model = searchlab.load_model("this/directory")'
    yield "model.predict(rows)        # raw rows: a frame, an array, a list of dicts"
    if of.rows.labels:
        yield "model.predict_proba(rows)"
    yield from ["```", "", "or `searchlab predict this/directory --input rows.csv`."]


def _limits(of: Manifest) -> Iterator[str]:
    yield "- The scores hold for rows like those of the data set, and for no others."
    if of.refitted:
        rows = " except the test rows" if of.measured == "test" else ""
        yield f"- The model was fitted to all rows{rows}, without early stopping; the number of"
        yield "  epochs comes from other trainings."
    if of.refitted and of.measured == "validation":
        yield "- There were no test rows. The metrics are those of the same params before that fit."
    if of.measured == "validation":
        yield "- The early-stopping rows also ended the training, so the metrics are optimistic."
    if of.measured == "test":
        yield "- The test rows were used for nothing else. The search's score is the best of many,"
        yield "  and thus optimistic."
    yield "- Categories and words that do not occur in the training rows are ignored."
    yield "- `saved_model/` and `model.onnx` need rows preprocessed by `preprocessing.skops`."
    if of.rows.transform:
        yield "  They give the target as the model was fitted to it, not in its own units;"
        yield "  `rows.transform` in `model.json` has the figures to undo that."


def _table(values: Mapping[str, Any], head: str = "param") -> Iterator[str]:
    yield f"| {head} | value |"
    yield "|---|---|"
    for name, value in values.items():
        yield f"| {in_markdown(name)} | {in_markdown(value)} |"

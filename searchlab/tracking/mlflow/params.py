"""The params of a study's run: the settings that never change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from searchlab.journal.events import Started
from searchlab.journal.record import StudyRecord
from searchlab.report.phrases import division_text


def study_params(started: Started, record: StudyRecord) -> dict[str, Any]:
    """Return the settings of a study that never change, as params of its run."""
    spec = record.spec
    settings: dict[str, Any] = {
        "backend": spec.search.backend,
        "trials": spec.search.trials,
        "seconds": spec.search.seconds,
        "seed": spec.search.seed,
        "objective": spec.objective.metric,
        "direction": spec.objective.way,
        "epochs": None if "epochs" in spec.of_training else spec.training.epochs,
        "batch_size": None if "batch_size" in spec.of_training else spec.training.batch_size,
        "folds": spec.evaluation.folds,
        "repeats": spec.evaluation.repeats if spec.evaluation.repeats > 1 else None,
        "holdout": spec.evaluation.holdout,
        "split": division_text(spec),
        "model": spec.factory.factory,
        "warm_start": ", ".join(spec.search.warm_start) or None,
        "initial_weights": None if spec.factory.initial is None else spec.factory.initial.study,
        "dataset": started.data.get("name"),
        "target_transform": started.data.get("target_transform"),
    }
    if spec.training.early_stopping is not None:
        settings["patience"] = spec.training.early_stopping.patience
    settings |= {f"model.{name}": value for name, value in spec.factory.params.items()}
    written = spec.as_dict()
    sought = {name: written["training"][name.partition(".")[2]] for name in spec.training.sought}
    space = {**written["space"], **sought}
    settings |= {f"space.{name}": _domain(values) for name, values in space.items()}
    return {name: value for name, value in settings.items() if value is not None}


def _domain(values: Mapping[str, Any]) -> str:
    """Return a param of the study file in one line, without its defaults."""
    given = {key: value for key, value in values.items() if value not in (None, False)}
    if given.get("step") == 1:
        del given["step"]
    return json.dumps(given, ensure_ascii=False)

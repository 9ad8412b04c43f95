"""The ids of a study and its model in a tracking store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from searchlab.core.verdict import Alias


@dataclass(frozen=True)
class Registration:
    """The place of a study's model in the model registry, as of its arrival there.

    Attributes:
        name: the registered model.
        version: its version, or "" if there is none.
        alias: the alias that the version was given, or None without one.
        reason: why it was given that alias, such as "0.281 beats 0.290 of version 2"; or why
            there is no version.
    """

    name: str
    version: str
    alias: Alias | None
    reason: str


@dataclass(frozen=True)
class StudyIds:
    """The place of a study in its tracking store.

    Attributes:
        uri: the tracking URI, without its password.
        experiment_id: the experiment.
        run_id: the study's run.
        trials: the run of each trial by the trial's number.
        sent: how many entries of the journal the store has.
        model_id: the best model that was logged last, or "" for none.
        registered: its place in the model registry, or None if it was to go to none.
    """

    uri: str
    experiment_id: str
    run_id: str
    trials: Mapping[int, str]
    sent: int
    model_id: str
    registered: Registration | None

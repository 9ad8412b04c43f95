"""The state of Optuna's samplers beside the trials, and trials as its storage has them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from searchlab.backends.base import Past, Problem
from searchlab.core.codec import decode, encode
from searchlab.core.optuna_trial import optuna_distribution, optuna_params
from searchlab.core.trial import Report, TrialState
from searchlab.private.optuna import (
    notes_of,
    open_trial,
    param_groups,
    random_states,
    resource_of,
    restore_param_groups,
    restore_resource,
    restore_study_notes,
    study_notes,
)

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

SAMPLERS = ("tpe", "random", "nsgaii", "nsgaiii", "qmc", "brute_force")
"""Samplers whose state is known here; those with another are replayed.

CMA-ES notes a pickle, which no file may bring back, and Gaussian processes keep their kernels.
"""

_PASSING = "tpe:"
"""The beginning of notes that only matter until their trial ends."""

_WORDS = 624  # of the state of NumPy's Mersenne Twister


@dataclass(frozen=True)
class Random:
    """The state of a `numpy.random.RandomState`."""

    words: tuple[int, ...]
    place: int
    has_gauss: int
    gauss: float

    def __post_init__(self) -> None:
        if len(self.words) != _WORDS or not all(0 <= word < 2**32 for word in self.words):
            raise ValueError("is no state of a Mersenne Twister")


@dataclass(frozen=True)
class Kept:
    """The state of an Optuna study beside its finished trials.

    Attributes:
        random: the sampler's random generators.
        groups: the groups of params, or None.
        notes: what sampler and pruner noted with each open trial, by number, and with ended ones.
        study: what the sampler noted with the study.
        resource: what the pruner took from the first trials, or None.
    """

    random: tuple[Random, ...]
    groups: tuple[tuple[str, ...], ...] | None
    notes: Mapping[int, Mapping[str, Any]]
    study: Mapping[str, Any]
    resource: int | None


def keep(study: optuna.Study, running: Mapping[int, optuna.Trial], first: int) -> dict[str, Any]:
    """Return the state of a study as plain values.

    Args:
        study: the study.
        running: its open trials by number.
        first: how many trials of other studies come before number 0.
    """
    groups = param_groups(study.sampler)
    return encode(
        Kept(
            tuple(map(_random, random_states(study.sampler))),
            None if groups is None else tuple(map(tuple, groups)),
            _lasting(study, first) | {number: notes_of(one) for number, one in running.items()},
            study_notes(study),
            resource_of(study.pruner),
        )
    )


def _lasting(study: optuna.Study, first: int) -> dict[int, Mapping[str, Any]]:
    """Return the notes with trials that matter after their end, where there are any."""
    found: dict[int, Mapping[str, Any]] = {}
    for number, trial in enumerate(study.get_trials(deepcopy=False)[first:]):
        notes = trial.system_attrs
        if notes and (kept := {k: v for k, v in notes.items() if not k.startswith(_PASSING)}):
            found[number] = kept
    return found


def restore(
    study: optuna.Study, past: Sequence[Past], values: Mapping[str, Any], problem: Problem
) -> dict[int, optuna.Trial]:
    """Bring a new study to a kept state, and return its open trials by number.

    Raises:
        ValueError: if the state does not fit the study or its trials; nothing has been changed.
    """
    kept = decode(Kept, values)
    generators = random_states(study.sampler)
    opened = {each.number for each in past if each.outcome is None}
    asked = {each.number for each in past}
    grouped = param_groups(study.sampler) is not None
    groups = [name for group in kept.groups or () for name in group]
    if len(kept.random) != len(generators) or not opened <= kept.notes.keys() <= asked:
        raise ValueError("the snapshot is of another sampler or of other trials")
    if grouped != (kept.groups is not None) or not set(groups) <= problem.space.domains.keys():
        raise ValueError("the snapshot is of another space")
    first = len(study.get_trials(deepcopy=False))
    study.add_trials([_stored(each, kept.notes, problem) for each in past])
    if kept.groups is not None:
        distributions = {name: optuna_distribution(domain) for name, domain in problem.space}
        restore_param_groups(study.sampler, kept.groups, distributions)
    restore_study_notes(study, kept.study)
    if kept.resource is not None:
        restore_resource(study, kept.resource)
    running = {number: open_trial(study, first + number) for number in sorted(opened)}
    for generator, state in zip(generators, kept.random, strict=True):
        legacy = ("MT19937", state.words, state.place, state.has_gauss, state.gauss)
        generator.set_state(legacy)
    return running


def step(report: Report, problem: Problem) -> int:
    """Return the step of a report: folds follow one another."""
    return report.fold * problem.epochs + report.epoch


def _random(generator: Any) -> Random:
    _, words, place, has_gauss, gauss = generator.get_state()
    return Random(tuple(map(int, words)), int(place), int(has_gauss), float(gauss))


def _stored(past: Past, notes: Mapping[int, Mapping[str, Any]], problem: Problem) -> FrozenTrial:
    """Return a trial as Optuna has it after the calls that the journal tells of."""
    from optuna.trial import TrialState as State
    from optuna.trial import create_trial

    params, distributions = optuna_params(past.suggestion.params, problem.space)
    values = {
        step(report, problem): float(report.metrics[problem.metric])
        for report in past.reports
        if problem.metric in report.metrics
    }
    state, value = State.RUNNING, None
    if past.outcome is not None:
        state = State[past.outcome.state]
        value = past.outcome.value if past.outcome.state is TrialState.COMPLETE else None
        if past.outcome.state is TrialState.PRUNED and values:
            latest = values[max(values)]  # as Optuna takes it, unless it is NaN
            value = None if math.isnan(latest) else latest
    return create_trial(
        state=state,
        value=value,
        params=params,
        distributions=distributions,
        intermediate_values=values,
        system_attrs=dict(notes.get(past.number, {})),
    )

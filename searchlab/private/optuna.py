"""Optuna's words and its samplers' states, where there is nothing else to go by."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna


def ends_search(error: RuntimeError) -> bool:
    """Tell whether `Study.tell` has raised an error because a sampler wants to end the search.

    The brute-force sampler ends a search by `Study.stop`, which is refused to a study that is asked
    and told; the trial has been stored by then.

    Touches: the words of that error, seen in Optuna 5.0.0.
    Public: the error is a plain RuntimeError, and nothing else says that the space is exhausted.
    Without it: a brute-force search fails at its end.
    """
    return "Study.stop" in str(error)


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Keep some of Optuna's warnings from the user.

    They are those on its own experimental features, on rounded steps, and on a best trial without
    intermediate values, as one of another study is.

    Touches: the words of two warnings, seen in Optuna 5.0.0.
    Public: they are plain UserWarnings.
    Without it: the user reads of steps that searchlab has rounded already.
    """
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", message="The distribution is specified by")
        warnings.filterwarnings("ignore", message="The best trial has no intermediate values")
        yield


def random_states(sampler: Any) -> list[Any]:
    """Return the random generators of a sampler, NumPy's `RandomState` each.

    Touches: `_rng` of TPE, random, NSGA and brute-force samplers, and of the samplers in
    `TPESampler._random_sampler`, `NSGAIISampler._random_sampler` and
    `QMCSampler._independent_sampler`, seen in Optuna 5.0.0.
    Public: a sampler can only be pickled as a whole.
    Without it: a study is resumed by asking for all of its trials again.
    """
    inner = [getattr(sampler, name, None) for name in ("_random_sampler", "_independent_sampler")]
    return [each._rng.rng for each in (sampler, *inner) if hasattr(each, "_rng")]


def param_groups(sampler: Any) -> list[list[str]] | None:
    """Return how TPE groups params, by name and in order; None if it does not.

    The order decides in which order groups are sampled, and depends on the order in which trials
    ended.

    Touches: `TPESampler._group_decomposed_search_space`, seen in Optuna 5.0.0.
    Public: see `random_states`.
    Without it: see `random_states`.
    """
    groups = getattr(sampler, "_group_decomposed_search_space", None)
    if groups is None:
        return None
    return [sorted(group) for group in groups._search_space._search_spaces]


def restore_param_groups(
    sampler: Any, groups: Sequence[Sequence[str]], distributions: dict[str, Any]
) -> None:
    """Let TPE group params as it did; see `param_groups`.

    Touches: `TPESampler._group_decomposed_search_space`, seen in Optuna 5.0.0.
    Public: see `random_states`.
    Without it: see `random_states`.
    """
    space = sampler._group_decomposed_search_space._search_space
    space._search_spaces = [{name: distributions[name] for name in group} for group in groups]


def study_notes(study: optuna.Study) -> dict[str, Any]:
    """Return what a sampler has noted with a study.

    Touches: `Study._storage` and `Study._study_id`, seen in Optuna 5.0.0.
    Public: `Study.user_attrs` has the user's notes only.
    Without it: see `random_states`.
    """
    return dict(study._storage.get_study_system_attrs(study._study_id))


def restore_study_notes(study: optuna.Study, notes: Mapping[str, Any]) -> None:
    """Note with a study what a sampler noted; see `study_notes`.

    Touches: `Study._storage` and `Study._study_id`, seen in Optuna 5.0.0.
    Public: see `study_notes`.
    Without it: see `random_states`.
    """
    for name, value in notes.items():
        study._storage.set_study_system_attr(study._study_id, name, value)


def resource_of(pruner: Any) -> int | None:
    """Return the resource that a pruner took from the first trials and keeps; None before that.

    Touches: `SuccessiveHalvingPruner._min_resource`, `HyperbandPruner._max_resource` and
    `_pruners`, seen in Optuna 5.0.0.
    Public: a pruner can only be pickled as a whole.
    Without it: see `random_states`.
    """
    if hasattr(pruner, "_max_resource"):
        return pruner._max_resource if pruner._pruners else None
    return getattr(pruner, "_min_resource", None)


def restore_resource(study: optuna.Study, resource: int) -> None:
    """Let a study's pruner keep a resource; see `resource_of`.

    Touches: `SuccessiveHalvingPruner._min_resource`, `HyperbandPruner._max_resource` and
    `_try_initialization`, seen in Optuna 5.0.0.
    Public: see `resource_of`.
    Without it: see `random_states`.
    """
    pruner: Any = study.pruner
    if hasattr(pruner, "_max_resource"):
        pruner._max_resource = resource
        pruner._try_initialization(study)
    else:
        pruner._min_resource = resource


def open_trial(study: optuna.Study, number: int) -> optuna.Trial:
    """Return a running trial that was added to a study, to report to and to tell.

    Touches: `Study._storage` and `FrozenTrial._trial_id`, seen in Optuna 5.0.0.
    Public: `Study.ask` makes running trials, with new params.
    Without it: see `random_states`.
    """
    import optuna

    return optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)


def notes_of(trial: optuna.Trial) -> dict[str, Any]:
    """Return what the sampler has noted with a running trial.

    Touches: `Trial.storage` and `Trial._trial_id`, seen in Optuna 5.0.0.
    Public: `FrozenTrial.system_attrs`, which a running trial does not give.
    Without it: see `random_states`.
    """
    return dict(trial.storage.get_trial(trial._trial_id).system_attrs)

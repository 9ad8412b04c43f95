"""The port of search backends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from searchlab.core.domains import Params
from searchlab.core.space import SearchSpace
from searchlab.core.trial import Decision, Known, Outcome, Report, Suggestion
from searchlab.study.spec import StudySpec


class Options(BaseModel):
    """The `search.options` of a backend; each backend has its own subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def problem(self, space: SearchSpace) -> str | None:  # noqa: ARG002 - most take any
        """Return why a search with these options cannot take a space, or None if it can.

        A library that makes a list or a tree of all points has to have a bound for them here.
        """
        return None


@dataclass(frozen=True)
class Problem:
    """The search problem that a study poses to a backend.

    Attributes:
        space: the search space.
        metric: the objective's name, such as "val_loss".
        maximize: whether higher is better.
        epochs: the maximum of epochs of any training.
        folds: the number of trainings of a trial.
        trials: the total number of trials, or None for no limit.
        task: "regression", "binary" or "multiclass".
        seed: at least 1; the same seed gives the same suggestions.
        options: the backend's own options, checked by its `Options`.
        known: trials of other studies on this space, with distinct params, best first.
        epochs_param: the param of the space that is a trial's own maximum of epochs, or None.
    """

    space: SearchSpace
    metric: str
    maximize: bool
    epochs: int
    folds: int
    trials: int | None
    seed: int
    task: str = "regression"
    options: Mapping[str, Any] = field(default_factory=dict)
    known: tuple[Known, ...] = ()
    epochs_param: str | None = None

    def suggestion(self, params: Params) -> Suggestion:
        """Return the suggestion of a point of the space, with its maximum of epochs."""
        own = None if self.epochs_param is None else params.get(self.epochs_param)
        return Suggestion(params, self.epochs if own is None else int(own))

    @classmethod
    def of(cls, spec: StudySpec, task: str, known: tuple[Known, ...] = ()) -> Problem:
        """Build the problem of a study file on data with this kind of target."""
        return cls(
            space=spec.search_space,
            metric=spec.objective.metric,
            maximize=spec.objective.maximized,
            epochs=spec.most_epochs,
            folds=spec.evaluation.trainings,
            trials=spec.search.trials,
            seed=spec.search.seed,
            task=task,
            options=spec.search.options,
            known=known,
            epochs_param=spec.epochs_param,
        )


class Backend(Protocol):
    """A search library behind ask, report and tell.

    The laws, which `searchlab.testing.BackendContract` holds every implementation to:

    * It is built from a `Problem` alone: `Backend(problem)`.
    * `ask` is called with the numbers 0, 1, 2, ... A number is repeated only if the previous
      answer was None.
    * Params are points of the space, as plain Python values.
    * The same calls in the same order give the same answers, in any process. Nothing outside
      the calls (time, shared random generators, files) has an influence.
    * Several trials may be open at once, and may be told in another order than asked.
    * A FAIL neither ends the search nor blocks it.
    * All calls come from one thread. None blocks for longer than the library computes.
    """

    Options: ClassVar[type[Options]]
    prunes: bool
    """Whether `report` can answer STOP, so that a training must wait for the answer. Options may
    turn it off, so read it from the instance."""
    sets_epochs: ClassVar[bool]
    """Whether suggestions set their own number of epochs."""
    resumes_weights: ClassVar[bool]
    """Whether a suggestion may continue from an earlier trial's weights."""
    at_once: int | None
    """The most trials open at once if the executor accepts many; None for no limit. A
    backend that learns from outcomes sets a limit, as trials suggested before any outcome are
    guesses. The loop opens at least `execution.workers` trials. The number must not depend on the
    machine, as a study's trials must not. Options may change it, so read it from the instance."""
    needs_trials: ClassVar[bool]
    """Whether `search.trials` must be given."""
    tries_known: ClassVar[bool]
    """Whether it begins by trying the best of `Problem.known` again. How many must not depend on
    `Problem.trials`, which may be raised. Other backends treat all of `known` as trials of their
    own and continue from there."""

    def __init__(self, problem: Problem) -> None:
        """Make the library's own search object."""

    def ask(self, number: int) -> Suggestion | None:
        """Return the next suggestion.

        None means to wait for the outcome of a running trial and ask again; if no trial is
        running, the search is over.
        """

    def report(self, report: Report) -> Decision:
        """Take an intermediate value; answer CONTINUE or STOP."""

    def tell(self, outcome: Outcome) -> None:
        """Take the outcome of a trial."""

    def close(self) -> None:
        """Release what the backend started, such as threads; no call follows."""


@runtime_checkable
class Continuing(Protocol):
    """A backend with `resumes_weights` that tells which weights it may still ask for.

    A backend need not be one: without it, the weights of all its trials stay on the disk.
    """

    def continuable(self) -> Collection[int]:
        """Return the ended trials that a suggestion may still continue, now or later."""


@dataclass(frozen=True)
class Past:
    """A trial that another process asked a backend for, as the journal tells it.

    Attributes:
        number: the trial's number.
        suggestion: the backend's suggestion.
        reports: the reports that the backend was given, in order.
        outcome: the outcome that it was told, or None for an open trial.
    """

    number: int
    suggestion: Suggestion
    reports: Sequence[Report]
    outcome: Outcome | None


@runtime_checkable
class Resumable(Protocol):
    """A backend that takes up a long search without being asked for all of it again.

    A backend need not be one: without it, or where `snapshot` returns None, the journal is
    replayed. The law: a new backend that has restored what another one kept answers all further
    calls as that one does.
    """

    def snapshot(self) -> Mapping[str, Any] | None:
        """Return its state without what the journal has, as plain values for JSON, or None."""

    def restore(self, past: Sequence[Past], kept: Mapping[str, Any]) -> None:
        """Continue another backend's search; called once, in place of a replay.

        Args:
            past: all trials asked for until the snapshot, by number.
            kept: the snapshot, read from a file.

        Raises:
            ValueError: if the two do not fit; the backend can be replayed as if nothing was.
        """

"""The port of search backends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from searchlab.core.space import SearchSpace
from searchlab.core.trial import Decision, Known, Outcome, Report, Suggestion
from searchlab.study.spec import StudySpec


class Options(BaseModel):
    """The `search.options` of a backend; each backend has its own subclass."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Problem:
    """What a backend is told about a study.

    Attributes:
        space: the search space.
        metric: the objective's name, such as "val_loss".
        maximize: whether higher is better.
        epochs: the most epochs that a training may take.
        folds: how many trainings a trial has.
        trials: the total number of trials, or None for no bound.
        task: "regression", "binary" or "multiclass".
        seed: at least 1; the same seed gives the same suggestions.
        options: the backend's own options, checked by its `Options`.
        known: trials of other studies on this space to begin with, of distinct params, best first.
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

    @classmethod
    def of(cls, spec: StudySpec, task: str, known: tuple[Known, ...] = ()) -> Problem:
        """The problem that a study file poses on data with this kind of target."""
        return cls(
            space=spec.search_space,
            metric=spec.objective.metric,
            maximize=spec.objective.maximized,
            epochs=spec.training.epochs,
            folds=spec.evaluation.trainings,
            trials=spec.search.trials,
            seed=spec.search.seed,
            task=task,
            options=spec.search.options,
            known=known,
        )


class Backend(Protocol):
    """A search library behind ask, report and tell.

    The laws, which `searchlab.testing.BackendContract` holds every implementation to:

    * It is made from a `Problem` alone: `Backend(problem)`.
    * `ask` is called with the numbers 0, 1, 2, ... Each number is asked again only if the answer
      before was None.
    * Params are points of the space, as plain Python values.
    * The same calls in the same order give the same answers, in any process. Nothing outside of
      the calls (time, a random generator that others use, files) has a say.
    * Several trials may be open at once, and told in another order than they were asked.
    * A FAIL neither ends the search nor starves it.
    * All calls come from one thread. None blocks for longer than the library computes.
    """

    Options: ClassVar[type[Options]]
    prunes: bool
    """Whether `report` can answer STOP, so that a training must wait for the answer; ask the
    instance, as options may turn it off."""
    sets_epochs: ClassVar[bool]
    """Whether suggestions have epochs of their own."""
    resumes_weights: ClassVar[bool]
    """Whether a suggestion may continue an earlier trial's weights."""
    at_once: int | None
    """How many trials may be open at once, where an executor takes many; None for all that it
    takes. A backend that learns from outcomes names a number: a trial that it suggests before
    it has heard of any other is a guess. The loop opens `execution.workers` trials all the same.
    It is no matter of the machine, on which the trials of a study must not depend. Ask the
    instance, as options may decide."""
    needs_trials: ClassVar[bool]
    """Whether `search.trials` must be given."""
    tries_known: ClassVar[bool]
    """Whether it begins by trying the best of `Problem.known` again. How many does not depend on
    `Problem.trials`, which may be raised. A backend that does not takes all of `known` for trials
    of its own, and goes on from there."""

    def __init__(self, problem: Problem) -> None:
        """Makes the library's own search object."""

    def ask(self, number: int) -> Suggestion | None:
        """The next suggestion.

        None means: wait for the outcome of a running trial and ask again; and, if no trial is
        running, that the search is over.
        """

    def report(self, report: Report) -> Decision:
        """Takes an intermediate value; CONTINUE or STOP."""

    def tell(self, outcome: Outcome) -> None:
        """Takes the end of a trial that was asked for."""

    def close(self) -> None:
        """Ends what the backend started (threads, temporary files). Asking is over."""

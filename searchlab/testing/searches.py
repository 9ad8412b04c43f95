"""Searches without trainings: what a backend is asked and told, and how that is repeated."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Collection
from itertools import zip_longest

from searchlab.backends.base import Backend, Continuing, Past, Problem, Resumable
from searchlab.core.domains import Choice, Domain, Float, Int, Params, Scalar, When
from searchlab.core.space import SearchSpace
from searchlab.core.trial import Decision, Failure, Known, Outcome, Report, Suggestion, TrialState

SPACE = SearchSpace(
    {
        "n_hidden": Int(0, 3),
        "n_neurons": Int(1, 100, log=True),
        "width": Int(16, 64, step=16),
        "learning_rate": Float(3e-4, 3e-2, log=True),
        "momentum": Float(0.0, 1.0),
        "dropout": Float(0.0, 0.5, step=0.1),
        "activation": Choice(("relu", "tanh", None, 1, True, 1.5)),
        "slope": Float(0.1, 0.3, when=When("activation", ("relu", 1))),
        "skip": Choice((True, False), when=When("n_hidden", (2, 3))),
        "every": Int(1, 2, when=When("skip", (True,))),
        "data.scale": Choice(("standard", "robust")),
    }
)
PROBLEM = Problem(SPACE, metric="val_loss", maximize=False, epochs=27, folds=2, trials=40, seed=42)

Call = Suggestion | Report | Outcome


def value(params: Params) -> float:
    """Return a deterministic objective on `SPACE`; lower is better."""
    rate, hidden = params["learning_rate"], params["n_hidden"]
    assert isinstance(rate, float)
    assert isinstance(hidden, int)
    return 1.0 + abs(math.log(rate / 1e-2)) + 0.1 * abs(hidden - 2) + len(params) / 1000


def complete(number: int, score: float, folds: int = 2) -> Outcome:
    """Return a COMPLETE outcome with the same score in all folds."""
    return Outcome(number, TrialState.COMPLETE, score, scores=(score,) * folds)


def fail(number: int) -> Outcome:
    """Return a FAIL outcome."""
    return Outcome(number, TrialState.FAIL, error=Failure("ValueError", "made to fail"))


def drive(
    backend: Backend,
    trials: int,
    *,
    parallel: int = 1,
    failing: Collection[int] = (),
    score: Callable[[Params], float] = value,
) -> list[Call]:
    """Run a study of `trials` trials, `parallel` at once, and tell the newest first.

    Returns:
        All calls that had an effect, in order. A Suggestion stands for the ask that it answers.
    """
    calls: list[Call] = []
    running: list[tuple[int, Suggestion]] = []
    number, over = 0, False
    while running or not over:
        if number < trials and len(running) < parallel and not over:
            suggestion = backend.ask(number)
            if suggestion is not None:
                _check_type(number, suggestion)
                calls.append(suggestion)
                running.append((number, suggestion))
                number += 1
                continue
            over = not running
        over = over or number == trials
        if running:
            calls += _end(backend, *running.pop(), failing, score)
    return calls


def _check_type(number: int, suggestion: object) -> None:
    told = f"ask({number}) must return a Suggestion or None, got {suggestion!r}"
    assert isinstance(suggestion, Suggestion), told


def check_point(params: Params) -> None:
    """Name the first param that is not one of a point of `SPACE`."""
    active = [n for n, d in SPACE if d.when is None or d.when.holds(params)]
    assert list(params) == active, f"these params are active, in this order: {active}"
    for name, found in params.items():
        told = f"{name} must be a plain value of {SPACE.domains[name]}, got {found!r}"
        assert SPACE.domains[name].contains(found), f"{told} of type {type(found).__name__}"


def _end(
    backend: Backend,
    number: int,
    suggestion: Suggestion,
    failing: Collection[int],
    score: Callable[[Params], float],
) -> list[Call]:
    if number in failing:
        outcome = fail(number)
        backend.tell(outcome)
        return [outcome]
    calls: list[Call] = []
    result = score(suggestion.params)
    for epoch in (1, 2, 3):
        report = Report(number, 0, epoch, {"loss": 0.0, "val_loss": result + 1 / epoch})
        calls.append(report)
        if backend.report(report) is Decision.STOP:
            outcome = Outcome(number, TrialState.PRUNED, report.metrics["val_loss"])
            break
    else:
        outcome = complete(number, result)
    backend.tell(outcome)
    return [*calls, outcome]


def replay(backend: Backend, calls: list[Call], number: int = 0) -> None:
    """Repeat another backend's calls on a backend, and check that its answers are the same.

    Args:
        backend: new, or brought to the state before these calls.
        calls: the calls.
        number: of the first trial that is asked for.
    """
    for call, following in zip_longest(calls, calls[1:]):
        match call:
            case Suggestion():
                assert backend.ask(number) == call
                number += 1
            case Report():
                stopped = backend.report(call) is Decision.STOP
                pruned = isinstance(following, Outcome) and following.state is TrialState.PRUNED
                assert following is None or stopped == pruned
            case Outcome():
                backend.tell(call)


def check_snapshots(make: Callable[[], Backend], calls: list[Call]) -> bool:
    """Check that backends restored from snapshots, by way of JSON, go on as a replayed one does.

    Args:
        make: makes backends for the same problem.
        calls: those of a whole search.

    Returns:
        Whether the backend keeps snapshots.
    """
    kept, before = make(), 0
    for cut in (1, len(calls) // 3, 2 * len(calls) // 3):
        replay(kept, calls[before:cut], len(suggestions(calls[:before])))
        snapshot = kept.snapshot() if isinstance(kept, Resumable) else None
        if snapshot is None:
            return False
        restored, before = make(), cut
        assert isinstance(restored, Resumable)
        restored.restore(past(calls[:cut]), json.loads(json.dumps(snapshot)))
        if isinstance(kept, Continuing) and isinstance(restored, Continuing):
            assert set(restored.continuable()) == set(kept.continuable())
        replay(restored, calls[cut:], len(suggestions(calls[:cut])))
    return True


def past(calls: list[Call]) -> list[Past]:
    """Return the trials of these calls as the journal would tell of them."""
    reports = [call for call in calls if isinstance(call, Report)]
    outcomes = {call.number: call for call in calls if isinstance(call, Outcome)}
    return [
        Past(number, suggestion, [r for r in reports if r.number == number], outcomes.get(number))
        for number, suggestion in enumerate(suggestions(calls))
    ]


def suggestions(calls: list[Call]) -> list[Suggestion]:
    """Return the suggestions among the calls."""
    return [call for call in calls if isinstance(call, Suggestion)]


def known(trials: int = 30) -> tuple[Known, ...]:
    """Return the trials of a study on `SPACE` that sampled its params evenly, best first."""
    places = random.Random(3)  # noqa: S311 - points, not secrets

    def draw(domain: Domain) -> Scalar:
        if isinstance(domain, Choice):
            return places.choice(domain.values)
        if isinstance(domain, Int):
            return places.choice(range(domain.low, domain.high + 1, domain.step))
        ends = (domain.low, domain.high, places.uniform(domain.low, domain.high))
        return places.choice(ends[: 2 if domain.step else 3])

    points = [SPACE.active({name: draw(domain) for name, domain in SPACE}) for _ in range(trials)]
    found = [Known("earlier", number, point, value(point)) for number, point in enumerate(points)]
    return tuple(sorted(found, key=lambda each: each.value))

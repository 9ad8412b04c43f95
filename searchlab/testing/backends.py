"""The laws of backends: the test class of a backend inherits from `BackendContract`."""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any, ClassVar

import pytest

from searchlab.backends.base import Backend, Continuing, Past, Problem, Resumable
from searchlab.core.space import Choice, Domain, Float, Int, Params, Scalar, SearchSpace, When
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
Make = Callable[..., Backend]


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


def _check_point(params: Params) -> None:
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


class BackendContract:
    """The laws of `searchlab.backends.base.Backend`.

    Attributes:
        backend: the class to test.
        options: its `search.options` in all tests.
        no_pruning: options under which it prunes no trial, if it can prune.
    """

    backend: ClassVar[type[Backend]]
    options: ClassVar[Mapping[str, Any]] = {}
    no_pruning: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def make(self) -> Iterator[Make]:
        """Make backends, with changes to `PROBLEM`, and close them after the test."""
        made: list[Backend] = []

        def make(**changes: Any) -> Backend:
            made.append(self.backend(replace(PROBLEM, **{"options": self.options, **changes})))
            return made[-1]

        yield make
        for each in made:
            each.close()

    def test_params_are_points_of_the_space(self, make: Make) -> None:
        """Each suggestion is a point of the space, made of plain Python values in its order."""
        seen = suggestions(drive(make(), 40))
        assert len(seen) == 40
        for suggestion in seen:
            _check_point(suggestion.params)
            assert {type(v) for v in suggestion.params.values()} <= {
                int,
                float,
                str,
                bool,
                type(None),
            }

    def test_the_seed_decides(self, make: Make) -> None:
        """The same seed gives the same suggestions, and another seed gives others."""
        first, again, other = (suggestions(drive(make(seed=s), 20)) for s in (7, 7, 8))
        assert first == again
        assert [s.params for s in first] != [s.params for s in other]

    @pytest.mark.parametrize("parallel", [1, 4])
    def test_replays_a_journal(self, make: Make, parallel: int) -> None:
        """A fresh backend, replaying a run with failures, asks for what the first asks for next."""
        first, second = make(trials=60), make(trials=60)
        calls = drive(first, 35, parallel=parallel, failing={0, 9, 17, 18})
        replay(second, calls)
        assert first.ask(35) == second.ask(35) != None  # noqa: E711 - a chain of comparisons

    @pytest.mark.parametrize("parallel", [1, 4])
    @pytest.mark.parametrize("earlier", [0, 30], ids=["alone", "warm"])
    def test_a_snapshot_is_as_good_as_a_replay(
        self, make: Make, parallel: int, earlier: int
    ) -> None:
        """A search restored in the middle, by way of JSON, goes on as a replayed one does.

        Trials are open at that moment if there are several at once. Backends that keep no snapshots
        are replayed.
        """
        changes = {"trials": 40, "known": known(earlier)}
        calls = drive(make(**changes), 40, parallel=parallel, failing={0, 9, 17, 18})
        check_snapshots(lambda: make(**changes), calls)

    def test_a_snapshot_of_another_search_is_refused(self, make: Make) -> None:
        """It changes nothing: the backend can be replayed."""
        calls = drive(make(), 12, parallel=4)
        restored = make()
        if not isinstance(restored, Resumable) or restored.snapshot() is None:
            return
        with pytest.raises(ValueError, match=r"."):
            restored.restore(past(calls), {"of": "nothing"})
        replay(restored, calls)

    def test_more_trials_continue_the_same_search(self, make: Make) -> None:
        """A study whose number of trials is raised repeats the trials it had."""
        calls = drive(make(trials=10), 10)
        raised = make(trials=20)
        replay(raised, calls)
        assert raised.ask(10) is not None

    @pytest.mark.parametrize(
        "failing", [{0}, {1, 2, 3, 4}, set(range(40))], ids=["first", "four", "all"]
    )
    def test_failures_do_not_starve_it(self, make: Make, failing: set[int]) -> None:
        """Failed trials, even all of them, leave as many trials as requested."""
        assert len(suggestions(drive(make(), 40, failing=failing))) == 40

    def test_many_open_at_once(self, make: Make) -> None:
        """Ten trials can be open before the first is told, and are told in any order."""
        backend = make()
        asked = [backend.ask(number) for number in range(10)]
        assert None not in asked
        for number in (9, 0, 5, 1, 8, 2, 7, 3, 6, 4):
            backend.tell(complete(number, float(number)))
        assert backend.ask(10) is not None

    def test_its_attributes_tell_the_truth(self, make: Make) -> None:
        """Only backends that declare it set epochs, continue weights or prune."""
        backend = make()
        done: dict[int, Suggestion] = {}
        for number, suggestion in enumerate(suggestions(drive(backend, 40))):
            done[number] = suggestion
            assert backend.sets_epochs or suggestion.epochs == PROBLEM.epochs
            if suggestion.resume_from is not None:
                assert backend.resumes_weights
                assert done[suggestion.resume_from].epochs == suggestion.initial_epoch
                assert done[suggestion.resume_from].params == suggestion.params
            else:
                assert suggestion.initial_epoch == 0

    def test_weights_are_there_until_nobody_continues_them(self, make: Make) -> None:
        """A trial continues one that was named before; few ended trials are named at any time."""
        backend = make(trials=80)
        if not isinstance(backend, Continuing):
            return
        ask, most, resumed = backend.ask, 0, 0

        def watched(number: int) -> Suggestion | None:
            nonlocal most, resumed
            named = set(backend.continuable())
            suggestion = ask(number)
            if suggestion is not None and suggestion.resume_from is not None:
                assert suggestion.resume_from in named
                resumed += 1
            most = max(most, len(named))
            return suggestion

        backend.ask = watched  # type: ignore[method-assign]
        drive(backend, 80, parallel=3, failing={0, 9, 17, 18})
        assert resumed > 0
        assert most < 40

    def test_only_a_backend_that_learns_bounds_the_open_trials(self, make: Make) -> None:
        """With `at_once` outcomes influence new suggestions; without it they do not."""
        backend = make()
        runs = [drive(backend, 40), drive(make(), 40, score=lambda params: 10 - value(params))]
        new = [[s.params for s in suggestions(run) if s.resume_from is None] for run in runs]
        shared = min(map(len, new))
        assert (new[0][:shared] != new[1][:shared]) == (backend.at_once is not None)
        assert backend.at_once is None or backend.at_once > 1

    def test_only_pruning_backends_stop_a_trial(self, make: Make) -> None:
        """A hopeless trial is stopped if and only if the backend prunes."""
        backend = make()
        drive(backend, 8)
        backend.ask(8)
        decisions = {backend.report(Report(8, 0, e, {"val_loss": 1e9})) for e in (1, 2, 3)}
        assert (Decision.STOP in decisions) == backend.prunes

    def test_an_epoch_without_the_metric_goes_on(self, make: Make) -> None:
        """A report that lacks the objective does not stop a training."""
        backend = make()
        backend.ask(0)
        assert backend.report(Report(0, 0, 1, {"loss": 1.0})) is Decision.CONTINUE

    def test_higher_can_be_better(self, make: Make) -> None:
        """A maximized objective drives the search like its negative minimized."""
        low = suggestions(drive(make(), 30, failing={3}))
        high = drive(
            make(maximize=True, options={**self.options, **self.no_pruning}),
            30,
            failing={3},
            score=lambda params: -value(params),
        )
        low_unpruned = drive(make(options={**self.options, **self.no_pruning}), 30, failing={3})
        assert suggestions(high) == suggestions(low_unpruned)
        assert len(low) == 30

    def test_known_params_are_tried_first_or_learnt_from(self, make: Make) -> None:
        """Known params are tried first, in order of their value, or influence the suggestions."""
        found = known()
        first = suggestions(drive(make(known=found), 20))
        plain = suggestions(drive(make(), 20))
        assert all(SPACE.contains(each.params) for each in first)
        assert [each.params for each in first] != [each.params for each in plain]
        if self.backend.tries_known:
            tried = sum(each.params in [one.params for one in found] for each in first)
            assert 1 <= tried < 20, "it goes on with params of its own"
            assert [each.params for each in first[:tried]] == [e.params for e in found[:tried]]
            drawn = [each.params for each in first[tried:] if each.resume_from is None]
            assert drawn == [each.params for each in plain[: len(drawn)]]

    def test_fewer_known_params_than_it_would_try(self, make: Make) -> None:
        """A single known point is tried once, followed by the usual first suggestions."""
        single = known()[:1]
        first = [each.params for each in suggestions(drive(make(known=single), 6))]
        plain = [each.params for each in suggestions(drive(make(), 5))]
        assert len(first) == 6
        assert not self.backend.tries_known or first == [single[0].params, *plain]

    @pytest.mark.parametrize("parallel", [1, 4])
    def test_a_search_with_known_params_replays(self, make: Make, parallel: int) -> None:
        """The same known params give the same search; a fresh backend replays it and continues."""
        first, again, raised = make(known=known()), make(known=known()), make(known=known())
        calls = drive(first, 30, parallel=parallel, failing={0, 9, 17})
        assert drive(again, 30, parallel=parallel, failing={0, 9, 17}) == calls
        replay(raised, calls)
        assert raised.ask(30) == first.ask(30) != None  # noqa: E711 - a chain of comparisons

    def test_more_trials_continue_a_search_with_known_params(self, make: Make) -> None:
        """The number of known params that are tried does not depend on the number of trials."""
        calls = drive(make(known=known(), trials=3), 3)
        raised = make(known=known(), trials=20)
        replay(raised, calls)
        assert raised.ask(3) is not None

    def test_options_are_checked(self) -> None:
        """An option that the backend does not have is rejected."""
        with pytest.raises(ValueError, match="nonsense"):
            self.backend.Options.model_validate({"nonsense": 1})

    def test_close_leaves_no_thread(self, make: Make) -> None:
        """Closing a search with open trials, even twice, leaves no thread behind."""
        before = set(threading.enumerate())
        backend = make()
        for number in range(5):
            backend.ask(number)
        backend.tell(complete(3, 1.0))
        backend.close()
        backend.close()
        assert set(threading.enumerate()) <= before

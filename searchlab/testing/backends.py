"""The laws of backends: the test class of a backend inherits from `BackendContract`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from searchlab.backends.base import Backend, Continuing, Resumable
from searchlab.core.trial import Decision, Report, Suggestion
from searchlab.testing.searches import (
    PROBLEM,
    SPACE,
    check_point,
    check_snapshots,
    complete,
    drive,
    known,
    past,
    replay,
    suggestions,
    value,
)

Make = Callable[..., Backend]


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
            check_point(suggestion.params)
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

"""The three backends: their contract, and the behavior specific to each."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from typing import ClassVar

import pytest
from support import programs

from searchlab.backends import optuna
from searchlab.backends.hyperband import HyperbandBackend, HyperbandOptions
from searchlab.backends.optuna import OptunaBackend, OptunaOptions
from searchlab.backends.randomized import RandomizedBackend
from searchlab.core.domains import Choice, Float, Int
from searchlab.core.space import SearchSpace
from searchlab.core.trial import Decision, Known, Outcome, Report, TrialState
from searchlab.errors import InputError, MissingPackageError
from searchlab.testing.backends import BackendContract
from searchlab.testing.searches import (
    PROBLEM,
    SPACE,
    check_snapshots,
    complete,
    drive,
    fail,
    known,
    past,
    replay,
    suggestions,
    value,
)

STEPS_POINT = {"a": 0, "b": 0.3, "c": "y"}
STEPS = SearchSpace({"a": Int(0, 3), "b": Float(0.0, 1.0, step=0.3), "c": Choice(("x", "y"))})


class TestOptuna(BackendContract):
    backend = OptunaBackend
    no_pruning: ClassVar = {"pruner": "none"}

    @pytest.mark.parametrize(
        "sampler", ["tpe", "random", "nsgaii", "nsgaiii", "qmc", "brute_force"]
    )
    def test_each_sampler_samples(self, make, sampler):
        """Samplers without extra dependencies return points of the space, fixed by the seed."""
        runs = [drive(make(options={"sampler": sampler}, space=STEPS), 12, score=_sum)] * 2
        assert runs[0] == runs[1]
        assert len(suggestions(runs[0])) == 12
        assert all(STEPS.contains(s.params) for s in suggestions(runs[0]))

    @pytest.mark.parametrize(
        "pruner",
        [
            {"name": "percentile", "percentile": 25.0},
            "successive_halving",
            "hyperband",
            {"name": "threshold", "upper": 5.0},
            "wilcoxon",
        ],
        ids=str,
    )
    def test_each_pruner_runs_alike_again(self, make, pruner):
        """Each pruner accepts its options and makes the same decisions in a second backend."""
        first, second = (drive(make(options={"pruner": pruner}), 20) for _ in range(2))
        assert first == second

    @pytest.mark.parametrize("parallel", [1, 4])
    @pytest.mark.parametrize(
        "options",
        [
            {"sampler": "random", "pruner": "none"},
            {"sampler": {"name": "nsgaii", "population_size": 6}},
            {"sampler": {"name": "nsgaiii", "population_size": 6}},
            {"sampler": "qmc"},
            {"sampler": "brute_force"},
            {"pruner": {"name": "percentile", "percentile": 25.0}},
            {"pruner": {"name": "successive_halving", "reduction_factor": 2}},
            {"pruner": {"name": "hyperband", "reduction_factor": 2}},
            {"pruner": {"name": "threshold", "upper": 3.0}},
            {"pruner": {"name": "wilcoxon", "p_threshold": 0.4}},
        ],
        ids=str,
    )
    def test_each_sampler_and_pruner_goes_on_from_a_snapshot(self, make, options, parallel):
        """It suggests and stops what it would have, also after trials of another study."""
        earlier = tuple(Known("b", n, STEPS_POINT | {"a": n}, n / 10) for n in range(3))
        changes = {"options": options, "space": STEPS, "known": earlier}
        calls = drive(make(**changes), 26, parallel=parallel, failing={4, 11}, score=_sum)
        assert check_snapshots(lambda: make(**changes), calls)

    @pytest.mark.parametrize("pruner", ["successive_halving", "hyperband"])
    def test_a_snapshot_has_what_a_pruner_took_from_the_first_trials(self, make, pruner):
        """Longer trials that came later do not move its rungs."""
        options = {"sampler": "random", "pruner": {"name": pruner, "reduction_factor": 2}}
        kept, calls = make(options=options), []
        for number, epoch in enumerate((400, 1, 4000, 1)):
            calls += [kept.ask(number), Report(number, 0, epoch, {"val_loss": 1.0})]
            kept.report(calls[-1])
            calls.append(complete(number, 1.0))
            kept.tell(calls[-1])
        calls += [kept.ask(number) for number in (4, 5, 6, 7)]
        restored = make(options=options)
        restored.restore(past(calls), kept.snapshot())
        bad = [Report(n, 0, e, {"val_loss": 9.0}) for e in range(1, 40) for n in (4, 5, 6, 7)]
        decisions = [kept.report(report) for report in bad]
        assert Decision.STOP in decisions
        assert [restored.report(report) for report in bad] == decisions

    def test_without_a_pruner_nothing_is_stopped(self, make):
        """With `pruner: none`, trainings need not wait for decisions."""
        assert not make(options={"pruner": "none"}).prunes
        assert OptunaBackend.prunes

    @pytest.mark.parametrize(
        ("sampler", "pruner", "at_once"),
        [
            ("tpe", "none", 8),
            ("random", "median", 8),
            ("brute_force", "none", 8),
            ("random", "none", None),
            ({"name": "qmc", "qmc_type": "sobol"}, {"name": "threshold", "upper": 5.0}, None),
        ],
        ids=str,
    )
    def test_what_does_not_learn_is_not_bounded(self, make, sampler, pruner, at_once):
        """If neither sampler nor pruner learns from other trials, all workers may be busy."""
        assert make(options={"sampler": sampler, "pruner": pruner}).at_once == at_once

    def test_known_trials_are_trials_of_its_study(self, make):
        """Optuna's study contains all of them, with params that its samplers take for their own."""
        found = known()
        backend = make(known=found)
        trials = backend._study.trials
        assert [trial.value for trial in trials] == [each.value for each in reversed(found)]
        assert backend._study.best_value == found[0].value
        drive(backend, 12)
        seen = {}
        for trial in backend._study.trials:
            for name, distribution in trial.distributions.items():
                assert seen.setdefault(name, distribution) == distribution
        assert set(seen) == set(SPACE.domains)

    @pytest.mark.parametrize("library", [HyperbandBackend, RandomizedBackend])
    @pytest.mark.keras
    def test_takes_what_other_libraries_found(self, make, library):
        """Values on steps or log scales that another library rounded differently are accepted."""
        space = SearchSpace({"a": Float(0.0, 0.35, step=0.1), "b": Float(3e-4, 3e-2, log=True)})
        problem = replace(PROBLEM, space=space)
        other = library(problem)
        points = [each.params for each in suggestions(drive(other, 30, score=_sum))]
        other.close()
        points += [{"a": 0.1 + 0.2, "b": 3e-2 + 1e-12}, {"a": 0.0, "b": 3e-4 - 1e-13}]
        found = tuple(Known("other", n, point, _sum(point)) for n, point in enumerate(points))
        backend = make(space=space, known=found)
        assert len(backend._study.trials) == len(points)
        assert backend.ask(0) is not None

    @pytest.mark.parametrize("sampler", ["nsgaii", "qmc", "brute_force"])
    def test_each_sampler_takes_known_trials(self, make, sampler):
        """Every sampler copes with trials that it did not suggest."""
        found = (Known("other", 0, {"a": 1, "b": 0.3, "c": "y"}, 0.1),)
        backend = make(options={"sampler": sampler}, space=STEPS, known=found)
        assert len(suggestions(drive(backend, 8, score=_sum))) == 8

    @pytest.mark.parametrize("pruner", ["median", "wilcoxon", "hyperband", "successive_halving"])
    def test_each_pruner_takes_known_trials(self, make, pruner, recwarn):
        """Every pruner copes with trials without intermediate values, and without a warning."""
        backend = make(options={"pruner": pruner}, known=known())
        assert len(suggestions(drive(backend, 8))) == 8
        assert [str(each.message) for each in recwarn if "optuna" in each.filename] == []

    def test_folds_are_consecutive_steps(self, make):
        """Epochs of later folds are compared with the same epochs of the same fold."""
        backend = make(options={"pruner": {"name": "median", "n_startup_trials": 1}})
        for number, last in ((0, 1.0), (1, 5.0)):
            backend.ask(number)
            assert backend.report(Report(number, 0, 1, {"val_loss": 1.0})) is Decision.CONTINUE
            decision = backend.report(Report(number, 1, 1, {"val_loss": last}))
            assert decision is Decision.CONTINUE, "the best value so far is as good as fold 0's"
            backend.tell(complete(number, last))
        trial = backend._study.trials[1]
        assert trial.intermediate_values == {1: 1.0, PROBLEM.epochs + 1: 5.0}

    def test_an_epoch_without_the_metric_is_not_reported(self, make):
        """An epoch that lacks the objective is not passed to the pruner."""
        backend = make()
        backend.ask(0)
        backend.report(Report(0, 0, 1, {"loss": 1.0}))
        assert backend._study.trials[0].intermediate_values == {}

    def test_a_pruned_trial_with_nan_is_survived(self, make):
        """A trial whose last intermediate value is NaN can end PRUNED."""
        backend = make()
        backend.ask(0)
        backend.report(Report(0, 0, 1, {"val_loss": float("nan")}))
        backend.tell(Outcome(0, TrialState.PRUNED))
        assert backend.ask(1) is not None

    def test_the_whole_grid_ends_a_brute_force_search(self, make):
        """Brute force tries each point once and then ends the search."""
        space = SearchSpace({"a": Int(0, 1), "c": Choice((1, True, 1.0))})
        calls = drive(make(options={"sampler": "brute_force"}, space=space), 40, score=_sum)
        points = [repr(s.params) for s in suggestions(calls)]
        assert len(points) == len(set(points)) == 6

    def test_a_space_that_a_sampler_cannot_handle(self, make):
        """Brute force over a range without steps is a single clear error."""
        with pytest.raises(InputError, match=r"space\.learning_rate: Optuna cannot sample it"):
            drive(make(options={"sampler": "brute_force"}), 1)

    def test_conditional_spaces_group_tpe(self, make):
        """TPE samples conditional params jointly with those they depend on."""
        assert make()._study.sampler._group
        assert not make(space=STEPS)._study.sampler._group
        independent = {"sampler": {"name": "tpe", "multivariate": False}}
        assert not make(options=independent)._study.sampler._group

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"sampler": "tpee"}, "there is no sampler 'tpee'; did you mean tpe"),
            ({"pruner": "medain"}, "there is no pruner 'medain'; did you mean median"),
            ({"sampler": {"n_startup_trials": 3}}, "which sampler"),
            ({"sampler": {"name": "tpe", "n_trials": 3}}, "tpe has no option 'n_trials'; it has"),
            ({"sampler": {"name": "tpe", "seed": 3}}, "tpe has no option 'seed'"),
            ({"pruner": {"name": "none", "x": 3}}, "none has no option 'x'; it has none"),
            ({"pruner": "percentile"}, "the pruner percentile needs percentile"),
        ],
        ids=str,
    )
    def test_wrong_options_say_what_is_right(self, options, message):
        """A wrong name or option is rejected, with the valid ones, when the study file is read."""
        with pytest.raises(ValueError, match=message):
            OptunaOptions(**options)

    def test_a_refused_value_is_one_line(self, make):
        """A value that Optuna rejects is an error that names the sampler and the reason."""
        with pytest.raises(InputError, match=r"search\.options\.sampler: Optuna refuses tpe"):
            make(options={"sampler": {"name": "tpe", "group": True, "multivariate": False}})

    def test_a_missing_package_is_named(self, make, monkeypatch):
        """A sampler whose package is missing names the package to install."""
        monkeypatch.setitem(optuna._PACKAGES, "gp", "no_such_package")
        with pytest.raises(MissingPackageError, match="pip install no_such_package"):
            make(options={"sampler": "gp"})


@pytest.mark.keras
class TestHyperband(BackendContract):
    backend = HyperbandBackend

    def test_ends_after_one_iteration_without_a_number_of_trials(self, make):
        """Without `search.trials`, Hyperband runs its brackets once."""
        seen = suggestions(drive(make(trials=None, epochs=9), 500))
        assert [s.epochs for s in seen].count(9) == 1 + 2 + 3
        assert len(seen) == (9 + 3 + 1) + (5 + 2) + 3

    def test_goes_on_until_the_number_of_trials(self, make):
        """With `search.trials`, Hyperband starts over after its last bracket."""
        assert len(suggestions(drive(make(trials=60, epochs=9), 60))) == 60

    def test_iterations_bound_the_search(self, make):
        """`hyperband_iterations: 2` runs the brackets twice even if `search.trials` allows more."""
        backend = make(trials=500, epochs=9, options={"hyperband_iterations": 2})
        assert len(suggestions(drive(backend, 500))) == 2 * 23

    def test_the_best_of_a_rung_are_promoted(self, make):
        """The second rung holds the best third of the first, continued from their weights."""
        calls = drive(make(trials=None, epochs=9), 500)
        seen = suggestions(calls)
        first = {n: value(s.params) for n, s in enumerate(seen) if s.epochs == 1}
        promoted = [s.resume_from for s in seen if s.initial_epoch == 1]
        assert set(promoted) == set(sorted(first, key=first.get)[: len(promoted)])

    def test_a_failed_trial_neither_starves_a_bracket_nor_is_promoted(self, make):
        """Despite failures in a rung, the bracket reaches its last epoch with the other trials."""
        whole = suggestions(drive(make(trials=None, epochs=9), 500))
        failing = {0, 2, 5}
        seen = suggestions(drive(make(trials=None, epochs=9), 500, failing=failing))
        assert sorted(s.epochs for s in seen) == sorted(s.epochs for s in whole)
        assert not failing & {s.resume_from for s in seen}

    def test_a_promoted_failure_starts_anew(self, make):
        """If a whole rung failed, the promoted trials train from epoch 0 without weights."""
        seen = suggestions(drive(make(trials=None, epochs=9), 500, failing=range(500)))
        assert len(seen) == 23
        assert {(s.initial_epoch, s.resume_from) for s in seen} == {(0, None)}

    def test_a_pruned_trial_is_not_promoted(self, make):
        """A pruned trial has no weights to continue from, whatever its last value."""
        backend = make(trials=None, epochs=9)
        asked = [backend.ask(number) for number in range(9)]
        for number, suggestion in enumerate(asked):
            if number == 4:
                backend.tell(Outcome(4, TrialState.PRUNED, value=0.0))
            else:
                backend.tell(complete(number, value(suggestion.params)))
        assert 4 not in {backend.ask(number).resume_from for number in range(9, 12)}

    def test_waiting_leaves_no_trace(self, make):
        """However often it finds no new params in a nearly exhausted space, it replays."""
        space = SearchSpace({"a": Int(0, 29)})
        first, second = (make(space=space, trials=500) for _ in range(2))
        asked = []
        while (suggestion := first.ask(len(asked))) is not None:
            asked.append(suggestion)
        assert 20 < len(asked) < 30
        assert {first.ask(len(asked)) for _ in range(20)} == {None}
        replay(second, asked)
        for backend in (first, second):
            for number, suggestion in enumerate(asked):
                backend.tell(complete(number, _sum(suggestion.params)))
        assert first.ask(len(asked)) == second.ask(len(asked))

    def test_writes_no_files_and_says_nothing(self, make, tmp_path, monkeypatch, capfd):
        """Keras Tuner leaves no trace in the working directory or the terminal."""
        backend = make()
        capfd.readouterr()
        monkeypatch.chdir(tmp_path)
        drive(backend, 40)
        assert list(tmp_path.iterdir()) == []
        assert capfd.readouterr().out == ""

    @pytest.mark.parametrize(
        "options", [{"factor": 1}, {"factor": 2.5}, {"hyperband_iterations": 0}], ids=str
    )
    def test_wrong_options_are_refused(self, options):
        """The factor must be an integer above 1, and iterations at least one."""
        with pytest.raises(ValueError, match=next(iter(options))):
            HyperbandOptions(**options)


@pytest.mark.keras
class TestRandomized(BackendContract):
    backend = RandomizedBackend

    def test_the_table_of_results_is_complete(self, make):
        """After the last outcome, scikit-learn's table has each fold's score; NaN for failures."""
        backend = make(trials=4)
        asked = [backend.ask(number) for number in range(4)]
        backend.tell(fail(2))
        backend.tell(Outcome(1, TrialState.PRUNED, value=0.5))
        backend.tell(Outcome(3, TrialState.COMPLETE, 0.3, scores=(0.2, 0.4)))
        backend.tell(Outcome(0, TrialState.COMPLETE, 0.2, scores=(0.1, 0.3)))
        results = backend.cv_results_
        assert results["split0_test_score"][[0, 3]].tolist() == [-0.1, -0.2]
        assert results["split1_test_score"][[0, 3]].tolist() == [-0.3, -0.4]
        assert results["mean_test_score"][1:3].tolist() == pytest.approx(
            [float("nan")] * 2, nan_ok=True
        )
        assert results["rank_test_score"][0] == 1
        for params, suggestion in zip(results["params"], asked, strict=True):
            drawn = {name.removeprefix("model__"): value for name, value in params.items()}
            assert SPACE.active(drawn) == suggestion.params

    def test_a_thread_for_each_open_trial(self, make):
        """Threads grow with the number of open trials, not with the search's candidates."""
        before = threading.active_count()
        backend = make(trials=200)
        for number in range(6):
            backend.ask(number)
        assert threading.active_count() == before + 6 + 1
        for number in range(6):
            backend.tell(complete(number, 1.0))
        assert threading.active_count() == before + 1

    def test_only_the_fits_that_are_needed_are_there(self, make):
        """A long search has as many fits in memory as open trials need, and not all of its own."""
        backend = make(trials=2000, folds=3)
        backend.ask(0)
        assert _estimators() < 20
        for number in range(1, 5):
            backend.ask(number)
        assert _estimators() < 40
        for number in (3, 0, 4, 2, 1):
            backend.tell(complete(number, 1.0, folds=3))
        for number in range(5, 40):
            backend.ask(number)
            backend.tell(complete(number, 1.0, folds=3))
        assert _estimators() < 20

    def test_ends_with_its_candidates(self, make):
        """After the last candidate `ask` returns None, and the search's thread has ended."""
        before = threading.active_count()
        backend = make(trials=3)
        assert len(suggestions(drive(backend, 10))) == 3
        assert threading.active_count() == before
        assert backend.ask(3) is None

    def test_a_grid_is_tried_once(self, make):
        """A space of lists is sampled without replacement and ends with its last point."""
        space = SearchSpace({"a": Int(0, 2), "c": Choice(("x", "y"))})
        calls = drive(make(space=space), 40, score=_sum)
        points = [tuple(s.params.values()) for s in suggestions(calls)]
        assert len(points) == len(set(points)) == 6

    @pytest.mark.parametrize(("trials", "raised"), [(3, 8), (20, 900)])
    def test_more_trials_of_a_grid_begin_alike(self, make, trials, raised):
        """More trials extend a grid's candidates, whether below or above 1 % of the grid."""
        space = SearchSpace({"a": Int(0, 9), "b": Int(0, 99)})
        few, many = (make(space=space, trials=n) for n in (trials, raised))
        assert [few.ask(n) for n in range(trials)] == [many.ask(n) for n in range(trials)]

    def test_an_error_of_the_search_is_raised_by_ask(self, make, monkeypatch):
        """An error inside scikit-learn is raised by the next `ask`, not turned into a hang."""
        backend = make()
        monkeypatch.setattr(backend._search, "cv", "nonsense")
        with pytest.raises(InputError, match="scikit-learn's search failed"):
            backend.ask(0)

    def test_an_error_of_a_candidate_is_raised_by_ask(self, make, monkeypatch):
        """If scikit-learn cannot set up a candidate, its `ask` raises the error."""
        backend = make()
        monkeypatch.setattr(backend._search, "param_distributions", {"nonsense": [1]})
        with pytest.raises(InputError, match="Invalid parameter nonsense"):
            backend.ask(0)

    def test_names_that_scikeras_uses_itself(self, make):
        """Params may have the names of scikeras' own arguments."""
        names = ("model", "loss", "epochs", "optimizer", "a__b", "last_")
        space = SearchSpace({name: Int(1, 9) for name in names})
        assert list(make(space=space).ask(0).params) == list(names)

    def test_warning_filters_are_as_before(self, make):
        """The library's threads leave the process's warning filters unchanged."""
        backend = make(trials=6)
        before = list(warnings.filters)
        drive(backend, 6, parallel=3)
        assert list(warnings.filters) == before

    def test_nothing_is_said_about_failures(self, make, recwarn):
        """scikit-learn's warnings about failed candidates do not reach the user."""
        drive(make(trials=3), 3, failing={0, 1, 2})
        assert [str(w.message) for w in recwarn if "sklearn" in w.filename] == []

    def test_the_process_can_end_with_open_trials(self, tmp_path):
        """A process that forgets to close the search still exits."""
        script = (
            "from searchlab.testing.searches import PROBLEM\n"
            "from searchlab.backends.randomized import RandomizedBackend\n"
            "RandomizedBackend(PROBLEM).ask(0)\n"
        )
        programs.run_code(tmp_path, script)


def _estimators() -> int:
    from searchlab.backends.bridge import WaitingRegressor

    gc.collect()
    return sum(isinstance(each, WaitingRegressor) for each in gc.get_objects())


def test_importing_the_modules_imports_no_library():
    """Checking a study file's options imports no training or search library."""
    script = (
        "import sys\n"
        "from searchlab.backends import optuna, hyperband, randomized\n"
        "heavy = {'optuna', 'keras', 'keras_tuner', 'tensorflow', 'sklearn', 'scikeras', 'scipy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def _sum(params) -> float:
    return sum(v for v in params.values() if isinstance(v, int | float))

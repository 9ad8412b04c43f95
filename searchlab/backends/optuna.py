"""Optuna as a backend: a real `optuna.Study`, asked and told.

As long as one trial runs at a time, a study gets the trials that `study.optimize` would give a
script with the same sampler, pruner and `suggest` calls. More trials are as with `n_jobs`.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import field_validator

from searchlab.backends import base, optuna_state
from searchlab.core.domains import MOST_STEPS, Choice, Domain, Int, Scalar
from searchlab.core.nearest import nearest
from searchlab.core.optuna_trial import optuna_trial
from searchlab.core.space import SearchSpace
from searchlab.core.trial import Decision, Outcome, Report, Suggestion, TrialState
from searchlab.errors import InputError, MissingPackageError
from searchlab.private.optuna import ends_search, without_remarks
from searchlab.study.fields import either

if TYPE_CHECKING:
    import optuna

Kind = Literal["sampler", "pruner"]

_CLASSES: Mapping[Kind, Mapping[str, str]] = {
    "sampler": {
        "tpe": "TPESampler",
        "random": "RandomSampler",
        "cmaes": "CmaEsSampler",
        "gp": "GPSampler",
        "nsgaii": "NSGAIISampler",
        "nsgaiii": "NSGAIIISampler",
        "qmc": "QMCSampler",
        "brute_force": "BruteForceSampler",
    },
    "pruner": {
        "median": "MedianPruner",
        "percentile": "PercentilePruner",
        "successive_halving": "SuccessiveHalvingPruner",
        "hyperband": "HyperbandPruner",
        "threshold": "ThresholdPruner",
        "wilcoxon": "WilcoxonPruner",
        "none": "NopPruner",
    },
}
_PACKAGES = {"cmaes": "cmaes", "gp": "torch"}
"""Packages that some samplers import and Optuna does not depend on."""

_INCOMPLETE = ("percentile",)
"""Pruners that need options."""

_BLIND: Mapping[Kind, tuple[str, ...]] = {
    "sampler": ("random", "qmc"),
    "pruner": ("none", "threshold"),
}
"""Samplers and pruners that ignore other trials."""

_STUDY_NAME = "searchlab"
"""The name from which Optuna's HyperbandPruner derives brackets; random by default."""


_NameOrGroup = Annotated[
    str | dict[str, Any],
    either("must be a name, such as tpe, or a group such as {name: tpe, n_startup_trials: 20}"),
]


class OptunaOptions(base.Options):
    """Optuna's sampler and pruner, each by name or as `{name: tpe, n_startup_trials: 20}`."""

    sampler: _NameOrGroup = "tpe"
    pruner: _NameOrGroup = "median"

    def problem(self, space: SearchSpace) -> str | None:
        """Return why the sampler cannot take a space."""
        sampler = self.sampler if isinstance(self.sampler, str) else self.sampler.get("name")
        return _brute_force_problem(space) if sampler == "brute_force" else None

    @field_validator("sampler")
    @classmethod
    def _check_sampler(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        _check("sampler", value)
        return value

    @field_validator("pruner")
    @classmethod
    def _check_pruner(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        _check("pruner", value)
        return value


def _brute_force_problem(space: SearchSpace) -> str | None:
    """Return why Optuna cannot try all points of a space, of which it makes a tree."""
    endless = [name for name, domain in space if domain.count is None]
    if endless:
        return f"has {endless[0]} without a step, so brute_force cannot try all points: give it one"
    if (points := space.count or 0) > MOST_STEPS:
        return (
            f"has {points:,} points, and brute_force tries at most {MOST_STEPS:,}: give a range a "
            "larger step, or use another sampler"
        )
    return None


class OptunaBackend:
    """A backend that samples and prunes with Optuna.

    Raises:
        InputError: if the sampler or the pruner refuses its options.
        MissingPackageError: if the sampler needs a package that is not installed.
    """

    Options: ClassVar[type[base.Options]] = OptunaOptions
    prunes: bool = True
    sets_epochs: ClassVar[bool] = False
    resumes_weights: ClassVar[bool] = False
    at_once: int | None = 8
    """A compromise: in 64 trials on a smooth formula, TPE with 8 at once is nearly as good as one
    by one; with 64 it is a random search, and nothing is pruned. None for samplers and pruners that
    do not learn from other trials."""
    needs_trials: ClassVar[bool] = False
    tries_known: ClassVar[bool] = False

    def __init__(self, problem: base.Problem) -> None:
        import optuna  # validating a study must not import it

        options = OptunaOptions.model_validate(dict(problem.options))
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._problem = problem
        self._trials: dict[int, optuna.Trial] = {}
        self._exhausted = False
        sampler, pruner = _split(options.sampler)[0], _split(options.pruner)[0]
        self.prunes = pruner != "none"
        self._resumable = sampler in optuna_state.SAMPLERS
        if sampler in _BLIND["sampler"] and pruner in _BLIND["pruner"]:
            self.at_once = None
        with without_remarks():
            self._study = optuna.create_study(
                study_name=_STUDY_NAME,
                direction="maximize" if problem.maximize else "minimize",
                sampler=_make("sampler", options.sampler, _sampler_defaults(problem, options)),
                pruner=_make("pruner", options.pruner, {}),
            )
            # The best come last, as TPE gives older trials less weight.
            known = reversed(problem.known)
            self._study.add_trials(
                [optuna_trial(each.params, each.value, problem.space) for each in known]
            )

    def ask(self, number: int) -> Suggestion | None:
        """Return the next suggestion; None once the sampler has tried the whole space.

        Raises:
            InputError: if the sampler cannot handle the space.
        """
        if self._exhausted:
            return None
        params: dict[str, Scalar] = {}
        with without_remarks():
            trial = self._trials[number] = self._study.ask()
            for name, domain in self._problem.space:
                if domain.when is None or domain.when.holds(params):
                    try:
                        params[name] = _suggest(trial, name, domain)
                    except ValueError as error:
                        raise InputError(
                            f"space.{name}: Optuna cannot sample it ({error})"
                        ) from error
        return self._problem.suggestion(params)

    def report(self, report: Report) -> Decision:
        """Take the objective's intermediate value; a report without it changes nothing.

        Folds follow one another: epoch 3 of fold 1 is step `epochs + 3`.
        """
        value = report.metrics.get(self._problem.metric)
        if value is None:
            return Decision.CONTINUE
        trial = self._trials[report.number]
        trial.report(value, optuna_state.step(report, self._problem))
        with without_remarks():
            return Decision.STOP if trial.should_prune() else Decision.CONTINUE

    def tell(self, outcome: Outcome) -> None:
        """Take the outcome of a trial; a pruned one counts with its last intermediate value."""
        from optuna.trial import TrialState as State

        states = {
            TrialState.COMPLETE: State.COMPLETE,
            TrialState.PRUNED: State.PRUNED,
            TrialState.FAIL: State.FAIL,
        }
        value = outcome.value if outcome.state is TrialState.COMPLETE else None
        try:
            self._study.tell(self._trials.pop(outcome.number), value, states[outcome.state])
        except RuntimeError as error:
            if not ends_search(error):
                raise
            self._exhausted = True

    def snapshot(self) -> Mapping[str, Any] | None:
        """Return the sampler's and the pruner's state; None for samplers with one of their own.

        None also once the whole space was tried, as no state of Optuna's tells that.
        """
        if not self._resumable or self._exhausted:
            return None
        return optuna_state.keep(self._study, self._trials, len(self._problem.known))

    def restore(self, past: Sequence[base.Past], kept: Mapping[str, Any]) -> None:
        """Add the trials to the study, and let the sampler go on from its state.

        Raises:
            ValueError: if the state does not fit.
        """
        if not self._resumable:
            raise ValueError("this sampler has a state of its own")
        with without_remarks():
            self._trials = optuna_state.restore(self._study, past, kept, self._problem)

    def close(self) -> None:
        """Do nothing, as the study lives in memory."""


def _suggest(trial: optuna.Trial, name: str, domain: Domain) -> Scalar:
    if isinstance(domain, Choice):
        # Optuna compares choices by ==, to which 1, 1.0 and True are the same, so it draws
        # their positions.
        return domain.values[trial.suggest_categorical(name, range(len(domain.values)))]
    if isinstance(domain, Int):
        return trial.suggest_int(name, domain.low, domain.high, step=domain.step, log=domain.log)
    return trial.suggest_float(name, domain.low, domain.high, step=domain.step, log=domain.log)


def _split(value: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if isinstance(value, str):
        return value, {}
    options = dict(value)
    return str(options.pop("name", "")), options


def _check(kind: Kind, value: str | Mapping[str, Any]) -> None:
    """Raise a ValueError for an unknown sampler or pruner, or an unknown option of it."""
    name, options = _split(value)
    classes = _CLASSES[kind]
    if not name:
        raise ValueError(f"which {kind}? Add name: {' or name: '.join(list(classes)[:2])}")
    if name not in classes:
        near = nearest(name, classes, most=2, likeness=0.4) or list(classes)
        raise ValueError(f"there is no {kind} {name!r}; did you mean {' or '.join(near)}?")
    if not options and name not in _INCOMPLETE:
        return  # so that checking a plain name imports nothing
    known = _known_options(kind, name)
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(
            f"the {kind} {name} has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}"
        )
    missing = [option for option in known if known[option] and option not in options]
    if missing:
        raise ValueError(
            f"the {kind} {name} needs {missing[0]}: write {{name: {name}, {missing[0]}: ...}}"
        )


def _known_options(kind: Kind, name: str) -> dict[str, bool]:
    """Return the options that a study file can set, and whether each is required.

    The seed is the study's own, and a file cannot hold functions or other objects.
    """
    objects = ("Callable", "Base", "FrozenTrial", "ndarray")
    return {
        option: parameter.default is inspect.Parameter.empty
        for option, parameter in inspect.signature(_class(kind, name)).parameters.items()
        if option != "seed" and not any(word in str(parameter.annotation) for word in objects)
    }


def _class(kind: Kind, name: str) -> Any:
    import optuna  # validating a study must not import it

    return getattr(optuna.samplers if kind == "sampler" else optuna.pruners, _CLASSES[kind][name])


def _sampler_defaults(problem: base.Problem, options: OptunaOptions) -> dict[str, Any]:
    name, given = _split(options.sampler)
    defaults: dict[str, Any] = {}
    if "seed" in inspect.signature(_class("sampler", name)).parameters:
        defaults["seed"] = problem.seed
    if name == "tpe" and problem.space.conditional and given.get("multivariate", True):
        # Without it, TPE samples each conditional param independently.
        defaults["group"] = True
    return defaults


def _make(kind: Kind, value: str | Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
    name, options = _split(value)
    package = _PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise MissingPackageError(
            f"search.options.{kind}: {name} needs the package {package}; run: pip install {package}"
        )
    try:
        return _class(kind, name)(**{**defaults, **options})
    except (TypeError, ValueError) as error:
        raise InputError(f"search.options.{kind}: Optuna refuses {name}: {error}") from error

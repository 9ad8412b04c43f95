"""Canaries: what searchlab reads in Optuna's words and samplers is still there, and is needed."""

import warnings

import pytest

from searchlab.private import optuna as private
from searchlab.private.optuna import ends_search, without_remarks


def test_ends_search():
    """A brute-force sampler that is through is told by the error's words, and no other error is."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with without_remarks():
        study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=1))
        trial = study.ask()
        trial.suggest_int("n", 1, 1)
        with pytest.raises(RuntimeError) as caught:
            study.tell(trial, 1.0)
    assert ends_search(caught.value)
    assert not ends_search(RuntimeError("the disk is full"))


def remarks() -> None:
    """Does what Optuna remarks on."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.distributions.IntDistribution(1, 10, step=4)
    optuna.distributions.FloatDistribution(0.0, 1.0, step=0.3)
    study = optuna.create_study(pruner=optuna.pruners.WilcoxonPruner())
    study.add_trial(optuna.trial.create_trial(value=1.0))
    trial = study.ask()
    trial.report(1.0, 1)
    trial.should_prune()


def test_without_remarks():
    """Optuna remarks on each of these; inside nobody hears it."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        remarks()
    texts = [str(each.message) for each in heard]
    assert sum("The distribution is specified by" in text for text in texts) == 2
    assert any("The best trial has no intermediate values" in text for text in texts)
    assert any("experimental" in text for text in texts)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with without_remarks():
            remarks()
    assert [str(each.message) for each in heard] == []


def asked(study, count: int) -> list[float]:
    return [study.ask().suggest_float("x", 0.0, 1.0, step=1 / 64) for _ in range(count)]


@pytest.mark.parametrize(
    "name",
    ["TPESampler", "RandomSampler", "NSGAIISampler", "NSGAIIISampler", "BruteForceSampler"],
)
def test_random_states(name):
    """Samplers draw from these generators and from no others; the seed alone brings none back."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with private.without_remarks():
        samplers = [getattr(optuna.samplers, name)(seed=seed) for seed in (1, 2, 2)]
    first, second, other = (optuna.create_study(sampler=sampler) for sampler in samplers)
    states = [each.get_state() for each in private.random_states(first.sampler)]
    drawn = asked(first, 3)
    assert asked(other, 3) != drawn
    for generator, state in zip(private.random_states(second.sampler), states, strict=True):
        generator.set_state(state)
    assert asked(second, 3) == drawn


def test_random_states_of_a_quasi_random_sampler():
    """Params that it leaves to another sampler come from that one's generator."""
    import optuna

    with private.without_remarks():
        sampler = optuna.samplers.QMCSampler(seed=1)
    (state,) = private.random_states(sampler)
    assert state is sampler._independent_sampler._rng.rng


def test_study_notes_and_restore_study_notes():
    """A quasi-random sampler goes on where it was only with what it noted with the study."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with private.without_remarks():
        studies = [
            optuna.create_study(sampler=optuna.samplers.QMCSampler(seed=1)) for _ in range(3)
        ]
    for study in studies:
        trial = study.ask()
        trial.suggest_float("x", 0.0, 1.0)
        study.tell(trial, 1.0)
    asked(studies[0], 2)
    notes = private.study_notes(studies[0])
    assert list(notes.values()) == [1]
    assert not hasattr(studies[0], "system_attrs")
    private.restore_study_notes(studies[1], notes)
    following, restored, other = (asked(study, 1) for study in studies)
    assert following == restored != other


@pytest.mark.parametrize(
    ("name", "options", "resource"),
    [("SuccessiveHalvingPruner", {}, 3), ("HyperbandPruner", {}, 301)],
)
def test_resource_of_and_restore_resource(name, options, resource):
    """Both pruners take a resource from the first trial that ended, and no later one changes it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with private.without_remarks():
        first, second = (
            optuna.create_study(pruner=getattr(optuna.pruners, name)(**options)) for _ in range(2)
        )
    assert private.resource_of(first.pruner) is None
    first.add_trial(optuna.trial.create_trial(value=1.0, intermediate_values={300: 1.0}))
    trial = first.ask()
    trial.report(2.0, 1)
    trial.should_prune()
    assert private.resource_of(first.pruner) == resource
    private.restore_resource(second, resource)
    assert private.resource_of(second.pruner) == resource
    second.add_trial(optuna.trial.create_trial(value=1.0, intermediate_values={9000: 1.0}))
    trial = second.ask()
    trial.report(2.0, 1)
    trial.should_prune()
    assert private.resource_of(second.pruner) == resource


def test_resource_of_other_pruners():
    """They keep none."""
    import optuna

    assert private.resource_of(optuna.pruners.MedianPruner()) is None


def test_param_groups():
    """TPE splits params into those that always come together; what was put back is used."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with private.without_remarks():
        sampler = optuna.samplers.TPESampler(seed=1, group=True, n_startup_trials=1)
    study = optuna.create_study(sampler=sampler)
    for params in ({"a", "b"}, {"a"}, {"a", "b"}):
        trial = study.ask()
        for name in sorted(params):
            trial.suggest_float(name, 0.0, 1.0)
        study.tell(trial, 1.0)
    groups = private.param_groups(sampler)
    assert sorted(groups) == [["a"], ["b"]]
    uniform = optuna.distributions.FloatDistribution(0.0, 1.0)
    private.restore_param_groups(sampler, groups[::-1], {"a": uniform, "b": uniform})
    assert private.param_groups(sampler) == groups[::-1]
    assert private.param_groups(optuna.samplers.TPESampler()) is None
    assert private.param_groups(optuna.samplers.RandomSampler()) is None


def test_open_trial():
    """A running trial that was added takes reports and its end; notes of its sampler are there."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    running = optuna.trial.TrialState.RUNNING
    study.add_trial(optuna.trial.create_trial(state=running, system_attrs={"of": "the sampler"}))
    trial = private.open_trial(study, 0)
    assert private.notes_of(trial) == {"of": "the sampler"}
    assert not hasattr(trial, "system_attrs")
    trial.report(0.5, 1)
    study.tell(trial, 0.25)
    assert (study.trials[0].value, study.trials[0].intermediate_values) == (0.25, {1: 0.5})

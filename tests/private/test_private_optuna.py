"""Canaries: what searchlab reads in Optuna's words is still there, and is needed."""

import warnings

import pytest

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

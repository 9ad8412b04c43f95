"""Trials that are trained the ordinary way in this process."""

from searchlab.core.trial import Decision


def trained(job):
    """Train a trial; return the metrics of its epochs."""
    from searchlab.training.fit import run

    reports = []

    def emit(report):
        reports.append(report.metrics)
        return Decision.CONTINUE

    outcome = run(job, emit)
    assert outcome.error is None, outcome.error
    assert outcome.epochs == len(reports) == job.trial.suggestion.epochs
    return reports

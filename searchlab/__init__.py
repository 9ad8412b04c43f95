"""searchlab: hyperparameter search for Keras models, with every trial in MLflow.

import searchlab

result = searchlab.run_study("studies/digits.yaml")
result.best.params, result.metrics
result.model().predict(rows)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from searchlab import errors
from searchlab.core.versions import __version__
from searchlab.errors import SearchlabError

if TYPE_CHECKING:
    from searchlab.api.result import StudyResult, load_study
    from searchlab.api.run import run_study
    from searchlab.core.domains import Choice, Float, Int, When
    from searchlab.core.state import StudyState
    from searchlab.core.trial import TrialState
    from searchlab.inference.model import Model
    from searchlab.registry.resolve import load_model
    from searchlab.report.rows import TrialRow
    from searchlab.study.spec import StudySpec

__all__ = [
    "Choice",
    "Float",
    "Int",
    "Model",
    "SearchlabError",
    "StudyResult",
    "StudySpec",
    "StudyState",
    "TrialRow",
    "TrialState",
    "When",
    "__version__",
    "errors",
    "load_model",
    "load_study",
    "run_study",
]

_HOMES = {
    "Choice": "searchlab.core.domains",
    "Float": "searchlab.core.domains",
    "Int": "searchlab.core.domains",
    "Model": "searchlab.inference.model",
    "StudyResult": "searchlab.api.result",
    "StudySpec": "searchlab.study.spec",
    "StudyState": "searchlab.core.state",
    "TrialRow": "searchlab.report.rows",
    "TrialState": "searchlab.core.trial",
    "When": "searchlab.core.domains",
    "load_model": "searchlab.registry.resolve",
    "load_study": "searchlab.api.result",
    "run_study": "searchlab.api.run",
}
"""The module of each name that is imported when it is asked for, so that `import` stays light."""

if not TYPE_CHECKING:  # a type checker must not take every name for one that is there

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module 'searchlab' has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(_HOMES[name]), name)
        return found

    def __dir__():
        return sorted({*globals(), *__all__})

"""The beginning of a study in MLflow: the params of its run."""

from searchlab.testing import entries as make
from searchlab.testing.doubles import study
from searchlab.tracking.mlflow.params import study_params


def test_what_a_study_builds_on_is_in_its_params():
    """They name the studies that gave trials and weights, and nothing where there are none."""
    model = {"factory": "mlp", "initial_weights": {"study": "a", "layers": 1}}
    named = []
    for spec in (study(model=model, search={"warm_start": ["b", "c"]}), study()):
        started = make.started(spec)
        params = study_params(started, make.record(started))
        named.append((params.get("initial_weights"), params.get("warm_start")))
    assert named == [("a", "b, c"), (None, None)]

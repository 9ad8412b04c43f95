"""What a study's beginning is in MLflow: its identity, and what it builds on."""

import hashlib
import json

from searchlab.core.trial import Known
from searchlab.journal.events import Entry, Started
from searchlab.journal.record import StudyRecord
from searchlab.testing.doubles import study
from searchlab.tracking.mlflow.projection import study_identity, study_params


def test_an_older_journal_keeps_its_identity():
    """What a first entry once did not have is not in the identity of a study that has nothing."""
    old = {
        "study": {"name": "a"},
        "text": "",
        "file": "",
        "data": {},
        "factory": "",
        "versions": {},
    }
    text = json.dumps([old, 1.5], sort_keys=True)
    identity = study_identity(Entry(Started({"name": "a"}, ""), 1.5))
    assert identity == hashlib.sha256(text.encode()).hexdigest()[:32]


def test_studies_that_begin_with_something_else_are_two():
    """What a study knew at its beginning is in its identity."""
    known = (Known("b", 0, {"x": 1}, 0.5),)
    one, other = Started({"name": "a"}, ""), Started({"name": "a"}, "", known=known)
    assert study_identity(Entry(one, 1.5)) != study_identity(Entry(other, 1.5))


def test_what_a_study_builds_on_is_in_its_params():
    """They name the studies that gave trials and weights, and nothing where there are none."""
    model = {"factory": "mlp", "initial_weights": {"study": "a", "layers": 1}}
    named = []
    for spec in (study(model=model, search={"warm_start": ["b", "c"]}), study()):
        started = Started(spec.as_dict(), "")
        params = study_params(started, StudyRecord([Entry(started, 1.5)]))
        named.append((params.get("initial_weights"), params.get("warm_start")))
    assert named == [("a", "b, c"), (None, None)]

"""A study's identity in MLflow: its first entry, whatever version of searchlab wrote it."""

import hashlib
import json

from searchlab.journal import Entry, Started
from searchlab.tracking.projection import study_identity
from searchlab.trial import Known


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

"""The look at a data set before trial 0."""

import pytest

from searchlab.data.findings import Finding
from searchlab.data.understood import Profile, read_profile
from searchlab.engine.looks import Looks, look
from searchlab.errors import DataError, StorageError

PARTS = {"train": 6, "validation": 2, "test": 2}
CLEAN = Profile("t.csv", 10, PARTS, (1,), (), (), ())
ODD = Profile("t.csv", 10, PARTS, (1,), (), (), (
    Finding("leak", ("a",), "column 'a' is the target: drop it"),
    Finding("constant", ("b",), "column 'b': drop it"),
))  # fmt: skip


def test_a_data_set_is_presented_once_and_again_if_understood_otherwise(tmp_path):
    """A study that continues says nothing new; one whose profile changed does."""
    seen: list[Profile] = []
    kept = tmp_path / "data.json"
    for profile in (CLEAN, CLEAN, ODD, ODD):
        look(profile, kept, Looks(seen.append))
    assert seen == [CLEAN, ODD]
    assert read_profile(kept) == ODD


def test_strict_refuses_findings_each_time_and_nothing_else(tmp_path):
    """The message has the gravest one; what was understood is kept all the same."""
    kept = tmp_path / "data.json"
    look(CLEAN, kept, Looks(strict=True))
    message = r"^t.csv: column 'a' is the target: drop it \(and 1 more\); --strict refuses it$"
    for _ in range(2):
        with pytest.raises(DataError, match=message):
            look(ODD, kept, Looks(strict=True))
    look(ODD, kept, Looks())


def test_a_full_disk_is_told_in_one_line(tmp_path):
    """The profile belongs to the study's files, which have to be written."""
    with pytest.raises(StorageError, match=r"data.json: cannot be written .*: make room"):
        look(CLEAN, tmp_path / "missing" / "data.json", Looks())

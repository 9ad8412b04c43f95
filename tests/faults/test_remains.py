"""A study's directory whose journal is gone: what is left in it is nobody's to delete."""

import pytest
from faults.place import Place, one_line


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Create a directory with a finished study, whose models are stood for by two files."""
    place = Place(tmp_path, monkeypatch)
    assert place.run().exit_code == 0
    for part in ("models", "refit"):
        (place.home / part).mkdir(exist_ok=True)
        (place.home / part / "kept").write_text("weights")
    return place


def remains(place: Place) -> dict[str, bytes]:
    """Return the content of each file of the study, but for those of the lock."""
    files = [path for path in place.home.rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in files if path.name not in ("lock", "owner")}


@pytest.mark.parametrize("data", ["iris", "no_such_data"])
def test_models_without_a_journal_stay(place, data):
    """A run is refused, whether it could begin or not, and each file is as it was."""
    place.journal.rename(place.home / "moved-aside.jsonl")
    before = remains(place)
    result = place.run("--set", f"data.dataset={data}")
    assert result.exit_code == 2
    if data == "iris":
        assert "journal.jsonl: is missing, but models has models of a study" in one_line(result)
    assert remains(place) == before


def test_a_directory_that_somebody_else_made_stays(place):
    """A first run that cannot begin removes what it made, and nothing that was there before."""
    other = place.home.with_name("other")
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    arguments = ("--set", "data.dataset=california_housing", "--set", "data.test=0.99999")
    assert place.run("--name", "other", *arguments).exit_code == 2
    assert (other / "notes.txt").read_text() == "mine"
    assert place.run("--name", "third", *arguments).exit_code == 2
    assert not other.with_name("third").exists()

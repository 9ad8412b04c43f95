"""Models in a store that others can write to: what was changed, and code, are not loaded.

The models are stored without Keras, which nothing here gets as far as loading.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient
from support.stores import log_with, track

import searchlab
from searchlab.core.digest import KEY_FILE, directory_digest
from searchlab.engine import plugins
from searchlab.errors import InputError, PackageError
from searchlab.registry.resolve import located
from searchlab.registry.trust import SERVERS
from searchlab.testing import entries as make
from searchlab.tracking.mlflow.log_model import LoggedModel
from searchlab.tracking.mlflow.seal import PACKAGE, SIGNATURE
from searchlab.tracking.mlflow.state import read_ids

pytestmark = pytest.mark.slow  # a real MLflow store in every test


def store_files(file):
    """Log the files of a package as MLflow stores them, without loading the model."""
    client = MlflowClient(file.uri)
    model = client.create_logged_model(
        file.experiment_id, "model", source_run_id=file.run_id, tags=file.tags
    )
    client.log_model_artifacts(model.model_id, str(file.package), "data/refit")
    client.set_logged_model_tags(model.model_id, {"searchlab.whole": "true"})
    return LoggedModel(model.model_id)


class Stored:
    """A registered model, as somebody sees it who can write to its store."""

    address = "models:/houses@champion"

    def __init__(self, uri: str, home: Path) -> None:
        self.uri, self.ids = uri, read_ids(home)
        self.client = MlflowClient(uri)
        location = self.client.get_logged_model(self.ids.model_id).artifact_location
        self.package = Path(urlsplit(location).path) / "data" / "refit"

    def load(self, address: str = address, *, trust_code: bool = True) -> list[str]:
        """Return the names of the files that would be loaded."""
        with located(address, Path.cwd(), self.uri, trust_code=trust_code) as package:
            return sorted(each.name for each in package.rglob("*") if each.is_file())

    def tag(self, **tags: str) -> None:
        for name, value in tags.items():
            self.client.set_model_version_tag("houses", "1", f"searchlab.{name}", value)


@pytest.fixture
def register(uri, home, monkeypatch):
    """A function that registers a model, with code or without."""
    log_with(monkeypatch, store_files)
    for name in (KEY_FILE, SERVERS):
        monkeypatch.delenv(name, raising=False)

    def run(*, code: bool = True) -> Stored:
        package = home / "refit"
        package.mkdir()
        (package / "model.keras").write_text("weights")
        (package / "model.json").write_text("{}")
        if code:
            (package / "code" / "__pycache__").mkdir(parents=True)
            (package / "code" / "__pycache__" / "mine.pyc").touch()  # MLflow leaves it out
            (package / "code" / "mine.py").write_text("print('mine')")
        tracker = track(uri, home, make.ended_study())
        assert (tracker.pending, tracker.problem) == (0, None)
        shutil.rmtree(package / "code" / "__pycache__", ignore_errors=True)
        stored = Stored(uri, home)
        shutil.rmtree(stored.package / "code" / "__pycache__", ignore_errors=True)
        return stored

    return run


@pytest.fixture
def key(tmp_path, monkeypatch):
    """A function that makes a key and configures it."""

    def use(letter: str) -> None:
        file = tmp_path / f"key-{letter}"
        file.write_text(letter * 64)
        monkeypatch.setenv(KEY_FILE, str(file))

    return use


def refused(stored, message, address=Stored.address, **options):
    """Assert that a model is refused in one line."""
    with pytest.raises(PackageError, match=message) as told:
        stored.load(address, **options)
    assert "\n" not in str(told.value)
    assert address in str(told.value)


def test_code_runs_only_where_it_is_trusted(register, uri, monkeypatch):
    """By an argument or by the store's name; another store's name does not do."""
    stored = register()
    refused(stored, "comes with code, .*add --trust-code", trust_code=False)
    with pytest.raises(PackageError, match="comes with code"):
        searchlab.load_model(stored.address, uri)
    assert stored.load() == ["mine.py", "model.json", "model.keras"]
    monkeypatch.setenv(SERVERS, f"http://mlflow:5000, {uri[:-1]}")
    refused(stored, "comes with code", trust_code=False)
    monkeypatch.setenv(SERVERS, f"http://mlflow:5000, {uri}")
    assert stored.load(trust_code=False) == ["mine.py", "model.json", "model.keras"]


def test_a_model_without_code_needs_no_trust(register):
    """One of a built-in factory loads as before."""
    stored = register(code=False)
    assert stored.load(trust_code=False) == ["model.json", "model.keras"]


CHANGES = {
    "changed": lambda package: (package / "code" / "mine.py").write_text("print('evil')"),
    "added": lambda package: (package / "code" / "evil.py").touch(),
    "bytecode": lambda package: [
        (package / "code" / "__pycache__").mkdir(),
        (package / "code" / "__pycache__" / "mine.cpython-311.pyc").touch(),
    ],
    "removed": lambda package: (package / "code" / "mine.py").unlink(),
    "renamed": lambda package: (package / "code" / "mine.py").rename(package / "code" / "os.py"),
    "weights": lambda package: (package / "model.keras").write_text("others"),
    "in front": lambda package: shutil.copytree(package, package.parents[1], dirs_exist_ok=True),
    "beside": lambda package: [
        shutil.copytree(package, package.with_name("other")),
        (package.with_name("other") / "code" / "mine.py").write_text("print('evil')"),
        (package / "model.json").unlink(),
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_were_changed_are_not_loaded(register, change):
    """Whoever can write to the store of artifacts alone changes no model, trusted or not."""
    stored = register()
    CHANGES[change](stored.package)
    addresses = [stored.address, "models:/houses/1", f"models:/{stored.ids.model_id}"]
    for address in [*addresses, f"runs:/{stored.ids.run_id}/model"]:
        refused(stored, "does not have the files that were registered", address)


def test_a_model_without_a_digest_is_not_loaded(register):
    """There is nothing to check its files by."""
    stored = register()
    stored.client.delete_model_version_tag("houses", "1", PACKAGE)
    refused(stored, f"has no tag {PACKAGE}")


def test_only_a_signature_reveals_changed_tags(register, key):
    """Who can write files and tags passes the digest, but not the team's key."""
    key("a")
    stored = register()
    assert stored.load() == ["mine.py", "model.json", "model.keras"]
    assert set(stored.client.get_model_version("houses", "1").tags) >= {PACKAGE, SIGNATURE}
    CHANGES["changed"](stored.package)
    stored.tag(package=directory_digest(stored.package))
    refused(stored, "is signed with another key")


def test_a_key_that_is_configured_asks_for_its_signatures(register, key, monkeypatch):
    """Unsigned models and those of another key are refused; without the key nobody asks."""
    stored = register()
    key("a")
    refused(stored, f"is not signed, and {KEY_FILE} is set")
    stored.tag(signature=json.dumps("no signature"))
    refused(stored, "is signed with another key")
    monkeypatch.delenv(KEY_FILE)
    assert stored.load() == ["mine.py", "model.json", "model.keras"]


def test_a_study_does_not_begin_with_a_key_that_cannot_be_used(tmp_path, monkeypatch):
    """The mistake is told before the first trial, not when the model is to be signed."""
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"none: the key that .* cannot be read"):
        plugins.trackers(["mlflow"], tmp_path)

"""Registered models in real stores: each version is made once, and the best is champion.

Logged models are made without Keras, except in the tests marked so.
"""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from support.mlflow_server import Server
from support.stores import log_with, runs, track

from searchlab.core.verdict import Alias
from searchlab.journal.record import StudyRecord
from searchlab.study.ending import Ending
from searchlab.testing import entries as make
from searchlab.tracking.mlflow import artifacts, outbox
from searchlab.tracking.mlflow.address import resolve_uri
from searchlab.tracking.mlflow.alias import promote
from searchlab.tracking.mlflow.log_model import LoggedModel
from searchlab.tracking.mlflow.model_versions import made_versions
from searchlab.tracking.mlflow.opening import open_store
from searchlab.tracking.mlflow.register import register
from searchlab.tracking.mlflow.state import Registration, State, read_ids

pytestmark = pytest.mark.slow  # a real MLflow store in nearly every test

CALLS = [
    "get_registered_model",
    "create_registered_model",
    "search_model_versions",
    "get_logged_model",
    "create_model_version",
    "set_logged_model_tags",
    "set_model_version_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "get_run",
]


def log_lightly(file):
    """Log a model without Keras, which takes seconds and is tested elsewhere."""
    client = MlflowClient(file.uri)
    model = client.create_logged_model(
        file.experiment_id, "model", source_run_id=file.run_id, tags=file.tags
    )
    client.set_logged_model_tags(model.model_id, {"searchlab.whole": "true"})
    return LoggedModel(model.model_id)


@pytest.fixture
def light(monkeypatch):
    """Log all models without Keras."""
    log_with(monkeypatch, log_lightly)


@pytest.fixture
def studies(tmp_path):
    """A function that sends finished studies, each with its own directory and model file."""

    def send(uri, name, model_file=None, **study):
        home = tmp_path / name
        (home / "refit").mkdir(parents=True, exist_ok=True)
        if model_file is None:
            (home / "refit" / "model.keras").write_text(name)
        else:
            shutil.copytree(model_file.parent, home / "refit", dirs_exist_ok=True)
        entries = make.ended_study(name=name, **study)
        tracker = track(uri, home, entries, drain_seconds=200)
        assert (tracker.pending, tracker.problem) == (0, None)
        return home

    return send


def aliases(uri, name="houses"):
    """Return the version of each alias of a registered model."""
    found = MlflowClient(uri).get_registered_model(name).aliases
    return {alias: int(version) for alias, version in found.items()}


def registered(home):
    """Return the version, alias and reason that a study has recorded."""
    found = read_ids(home).registered
    return found.version, found.alias, found.reason


def test_a_finished_study_is_a_version_that_tells_all_about_it(uri, studies, light):
    """The first version is champion; its tags name the study, trial, data and scores."""
    home = studies(uri, "first", scores=(0.27, 0.29))
    assert registered(home) == ("1", "champion", "no other champion")
    assert aliases(uri) == {"champion": 1}
    ids = read_ids(home)
    version = MlflowClient(uri).get_model_version("houses", "1")
    assert version.run_id == ids.run_id
    expected = {
        "searchlab.study": "first",
        "searchlab.study_id": runs(uri)["first"].data.tags["searchlab.id"],
        "searchlab.trial": "1",
        "searchlab.data": f"california@{make.DATA['digest']}",
        "searchlab.metric": "val_loss",
        "searchlab.direction": "minimize",
        "searchlab.search": "0.25",
        "searchlab.test": "0.3",
    }
    assert expected.items() <= version.tags.items()
    assert float(version.tags["searchlab.confirmed"]) == pytest.approx(0.28)
    assert float(version.tags["searchlab.spread"]) == pytest.approx(0.01414, rel=1e-3)
    assert version.description.startswith("val_loss 0.28 ± 0.014 (2 seeds) confirmed")
    model = MlflowClient(uri).get_logged_model(ids.model_id)
    assert version.source == model.artifact_location
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "houses", "version": 1}]


def test_only_a_better_confirmed_score_takes_the_alias(uri, studies, light):
    """A worse or equal study becomes candidate, a better one champion; each gives the reason."""
    studies(uri, "first", scores=(0.27, 0.29))
    weaker = studies(uri, "weaker", scores=(0.29, 0.29))
    assert registered(weaker) == ("2", "candidate", "0.29 does not beat 0.28 of version 1")
    equal = studies(uri, "equal", scores=(0.27, 0.29))
    assert registered(equal)[1] == "candidate"
    assert aliases(uri) == {"champion": 1, "candidate": 3}
    better = studies(uri, "better", scores=(0.279999, 0.279999))
    assert registered(better) == ("4", "champion", "0.279999 beats 0.28 of version 1")
    assert aliases(uri) == {"champion": 4, "candidate": 3}


def test_a_higher_score_wins_where_it_is_maximized(uri, studies, light):
    """The study's direction decides which score is better."""
    studies(uri, "first", scores=(0.7, 0.7), maximize=True)
    studies(uri, "lower", scores=(0.6, 0.6), maximize=True)
    assert aliases(uri) == {"champion": 1, "candidate": 2}
    studies(uri, "higher", scores=(0.8, 0.8), maximize=True)
    assert aliases(uri)["champion"] == 3


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({}, {"digest": "f" * 64}, "version 1 was measured on other data"),
        ({}, {"maximize": True}, "version 1 was to minimize val_loss"),
        ({}, {"scores": ()}, "its score is not confirmed"),
        ({"scores": ()}, {}, "the score of version 1 is not confirmed"),
    ],
)
def test_what_cannot_be_compared_is_a_candidate(uri, studies, light, first, second, reason):
    """Other data, another metric or a missing confirmation rule out the alias for any score."""
    studies(uri, "first", **{"scores": (9.0, 9.0), **first})
    home = studies(uri, "second", **{"scores": (0.1, 0.1), **second})
    assert registered(home) == ("2", "candidate", reason)
    assert aliases(uri) == {"champion": 1, "candidate": 2}


def test_a_champion_of_other_makers_is_left_alone(uri, studies, light):
    """A version that searchlab did not make keeps the alias."""
    client = MlflowClient(uri)
    client.create_registered_model("houses")
    client.create_model_version("houses", "/nowhere/model")
    client.set_registered_model_alias("houses", "champion", "1")
    home = studies(uri, "first")
    assert registered(home) == ("2", "candidate", "version 1 was not made by searchlab")
    assert [each.version for each in made_versions(client)] == [2]


@pytest.mark.parametrize("since", ["won", "promoted"])
def test_sending_a_study_again_takes_no_alias_back(uri, studies, light, since):
    """Sent again without its mlflow.jsonl, a study gets no second version and no alias back."""
    home = studies(uri, "first", scores=(0.28, 0.28))
    studies(uri, "second", scores=(0.2, 0.2) if since == "won" else (0.3, 0.3))
    if since == "promoted":
        promote(MlflowClient(uri), made_versions(MlflowClient(uri))[0])
    expected = {"champion": 2}
    assert aliases(uri) == expected
    (home / "mlflow.jsonl").unlink()
    track(uri, home, [], before=make.ended_study(name="first", scores=(0.28, 0.28)))
    assert aliases(uri) == expected
    assert len(made_versions(MlflowClient(uri))) == 2
    assert registered(home) == ("1", "champion", "no other champion")  # as it was told then


def test_a_study_moved_to_another_store_is_registered_there(
    uri, studies, light, database, tmp_path
):
    """It competes with the other store's champion, and the first store stays unchanged."""
    home = studies(uri, "first", scores=(0.28, 0.28))
    (tmp_path / "other").mkdir()
    shutil.copy(database, tmp_path / "other" / "mlflow.db")
    other = resolve_uri(None, tmp_path / "other")
    studies(other, "theirs", scores=(0.2, 0.2))
    track(other, home, [], before=make.ended_study(name="first", scores=(0.28, 0.28)))
    assert aliases(other) == {"champion": 1, "candidate": 2}
    assert registered(home) == ("2", "candidate", "0.28 does not beat 0.2 of version 1")
    assert aliases(uri) == {"champion": 1}


def test_an_extended_study_makes_another_version(uri, studies, light):
    """It competes with the study's earlier version by the same rule."""
    home = studies(uri, "first", scores=(0.28, 0.28))
    entries = make.ended_study(name="first", scores=(0.28, 0.28))
    (home / "refit" / "model.keras").write_text("another")
    ending = Ending(1, 1, refit=True, registered_model="houses")
    events = [make.resumed(3, ending=ending), *make.trial(2, value=0.2)]
    events += [make.confirmed(2, 8, 0.22), replace(entries[-1].event, best=2, winner=2)]
    track(uri, home, make.timed(*events, begin=entries[-1].time + 99), before=entries)
    assert registered(home) == ("2", "champion", "0.22 beats 0.28 of version 1")
    assert aliases(uri) == {"champion": 2}
    assert made_versions(MlflowClient(uri))[0].trial == 2


def test_of_a_study_that_ended_twice_the_last_end_counts(uri, home, light, monkeypatch):
    """Sent again in small batches, its first end neither logs nor registers today's model file."""
    entries = make.ended_study()
    monkeypatch.setattr(outbox, "_LARGEST", len(entries))  # a batch ends with the first end
    ends, real = [], artifacts.finish

    def counted(*args):
        ends.append(args)
        real(*args)

    monkeypatch.setattr("searchlab.tracking.mlflow.store.finish", counted)
    again = make.timed(entries[1].event, entries[-1].event, begin=entries[-1].time + 9)
    (home / "refit").mkdir()
    (home / "refit" / "model.keras").write_text("the last")
    assert track(uri, home, [], before=[*entries, *again]).pending == 0
    assert len(ends) == len(made_versions(MlflowClient(uri))) == 1


class Registry:
    """Registration of one store's studies, without sending them, with failing calls."""

    def __init__(self, uri, monkeypatch):
        self.client, self._experiment = open_store(uri)
        self._uri, self._calls, self._lost, self._after = uri, 0, 0, False
        for call in CALLS:
            monkeypatch.setattr(MlflowClient, call, self._failing(getattr(MlflowClient, call)))

    def lose(self, number, after):
        """Make the call of this number fail, before or after it is done."""
        self._calls, self._lost, self._after = 0, number, after

    def state(self, study):
        """Return the state of a study whose run and model have been sent."""
        run_id = self.client.create_run(self._experiment).info.run_id
        model = self.client.create_logged_model(self._experiment, source_run_id=run_id)
        sent = {"run_id": run_id, "model": f"file of {study}", "model_id": model.model_id}
        return State(study, self._uri, self._experiment, **sent)

    def register(self, state, score, model="houses"):
        """Register a study with this confirmed score; return None if a call failed."""
        record = StudyRecord(make.ended_study(scores=(score, score), model=model))
        try:
            return register(self.client, state, record)
        except ConnectionError:
            return None

    def _failing(self, real):
        def call(client, *args, **kwargs):
            self._calls += 1
            fails = self._calls == self._lost
            if fails and not self._after:
                raise ConnectionError("the call was lost")
            answer = real(client, *args, **kwargs)
            if fails:
                raise ConnectionError("the answer was lost")
            return answer

        return call


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_fault_at_any_call_doubles_and_loses_nothing(uri, monkeypatch, after):
    """After any call, or its answer, is lost, the next try gives the same result, once."""
    registry = Registry(uri, monkeypatch)
    first, second = registry.state("first"), registry.state("second")
    for number in itertools.count(1):
        model = f"houses-{number}"
        registry.register(first, 0.28, model)
        registry.lose(number, after)
        done = registry.register(second, 0.2, model)
        registry.lose(0, after)
        again = registry.register(second, 0.2, model)
        assert again.reason in ("0.2 beats 0.28 of version 1", "it had the alias already")
        assert replace(again, reason="") == Registration(model, "2", Alias.CHAMPION, "")
        assert aliases(uri, model) == {"champion": 2}
        assert [each.version for each in made_versions(registry.client, model)] == [2, 1]
        if done is not None:
            break
    assert number > 12


@pytest.mark.parametrize("since", ["won", "promoted"])
def test_who_wins_between_two_tries_stays_champion(uri, monkeypatch, since):
    """A try moves the alias but fails; the next one leaves it with whoever took it since."""
    registry = Registry(uri, monkeypatch)
    registry.register(registry.state("first"), 0.28)
    second = registry.state("second")
    set_alias = MlflowClient.set_registered_model_alias

    def the_answer_is_lost(client, *args):
        set_alias(client, *args)
        raise ConnectionError("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", the_answer_is_lost)
        assert registry.register(second, 0.2) is None
    assert aliases(uri) == {"champion": 2}
    if since == "won":
        registry.register(registry.state("third"), 0.1)
    else:
        promote(registry.client, made_versions(registry.client)[1])
    champion = aliases(uri)["champion"]
    assert registry.register(second, 0.2).alias == "candidate"
    assert aliases(uri) == {"champion": champion, "candidate": 2}


def test_a_registry_that_will_never_take_it_holds_nothing_up(uri, studies, light, monkeypatch):
    """A study without the permission is sent all the same and says why it has no version."""

    def refused(client, name):
        raise MlflowException("not allowed to\nread models", PERMISSION_DENIED)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "get_registered_model", refused)
        home = studies(uri, "first")
    run = runs(uri)["first"]
    assert registered(home)[0] == ""
    assert registered(home)[2].startswith("the model registry refuses it (")
    assert "not allowed to read models" in registered(home)[2]
    assert run.data.tags["searchlab.registry_error"] == registered(home)[2]
    assert run.info.status == "FINISHED"
    entries = make.ended_study(name="first")
    again = make.timed(entries[1].event, entries[-1].event, begin=entries[-1].time + 9)
    track(uri, home, again, before=entries)
    assert registered(home)[1] == "champion"
    assert "searchlab.registry_error" not in runs(uri)["first"].data.tags


def test_a_model_that_is_only_files_gets_no_version(uri, studies, light, monkeypatch):
    """A model that a fresh process cannot load is never registered, which is told with why."""
    log_with(monkeypatch, lambda file: LoggedModel(problem="a.keras: cannot be loaded as no"))
    home = studies(uri, "first")
    assert registered(home)[0] == ""
    assert registered(home)[2] == (
        "a.keras: cannot be loaded as no (its files are kept with the study's run)"
    )
    assert MlflowClient(uri).search_registered_models() == []


def test_a_study_with_no_registered_model_registers_nothing(uri, studies, light):
    """`registered_model: null` is respected, and so is a name that a later process sets."""
    home = studies(uri, "first", model=None)
    assert read_ids(home).registered is None
    assert MlflowClient(uri).search_registered_models() == []
    entries = make.ended_study(name="first", model=None)
    ending = replace(entries[1].event.ending, registered_model="flats")
    events = [replace(entries[1].event, ending=ending), entries[-1].event]
    track(uri, home, make.timed(*events, begin=entries[-1].time + 9), before=entries)
    assert aliases(uri, "flats") == {"champion": 1}


@pytest.mark.keras
@pytest.mark.long
def test_a_champion_on_a_server_can_be_loaded(database, tmp_path, studies, model_file, monkeypatch):
    """After two studies on a real server, the champion predicts from its alias alone."""
    shutil.copy(database, tmp_path / "mlflow.db")
    server = Server(tmp_path)
    try:
        with monkeypatch.context() as patch:
            log_with(patch, log_lightly)
            studies(server.uri, "first", scores=(0.28, 0.28))
        home = studies(server.uri, "second", model_file=model_file, scores=(0.2, 0.2))
        assert registered(home) == ("2", "champion", "0.2 beats 0.28 of version 1")
        studies(server.uri, "second", model_file=model_file, scores=(0.2, 0.2))  # changes nothing
        assert aliases(server.uri) == {"champion": 2}
        assert [each.version for each in made_versions(MlflowClient(server.uri))] == [2, 1]
        model = MlflowClient(server.uri).get_logged_model(read_ids(home).model_id)
        linked = json.loads(model.tags["mlflow.modelVersions"])
        assert [int(each["version"]) for each in linked] == [2]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        model = mlflow.pyfunc.load_model("models:/houses@champion")
        rows = pd.DataFrame(np.ones((2, 3)), columns=["a", "b", "c"])
        assert model.predict(rows).shape == (2, 1)
    finally:
        server.kill()

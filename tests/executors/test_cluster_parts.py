"""The parts of the executor `ray` that need no cluster: capacity, files, addresses."""

import importlib.util
import re
import resource
import socket

import numpy as np
import pytest
from click.testing import CliRunner

from searchlab.cli import cli
from searchlab.engine import plugins
from searchlab.engine.checks import study_problems
from searchlab.errors import (
    InputError,
    MissingPackageError,
    SearchlabError,
    StorageError,
    StudyFileError,
)
from searchlab.executors.cluster import transfer
from searchlab.executors.cluster.capacity import claim, devices_of, setup_of
from searchlab.executors.cluster.connect import Connection
from searchlab.study.changes import differences
from searchlab.study.file import load_study
from searchlab.study.limits import ResourcesSpec
from searchlab.testing.doubles import study

NODE = {"CPU": 8.0, "GPU": 2.0, "memory": 10e9}


@pytest.mark.parametrize(
    ("need", "slots", "devices", "claimed"),
    [
        ({}, 8, [""], {"num_cpus": 8}),
        ({"cpus": 3.0}, 2, [""], {"num_cpus": 6}),
        ({"cpus": 0.5}, 16, [""], {"num_cpus": 8}),
        ({"cpus": 9.0}, 0, [""], {"num_cpus": 0}),
        ({"gpus": 1.0}, 2, ["a", "b"], {"num_cpus": 2, "num_gpus": 2}),
        ({"gpus": 2.0}, 1, ["a,b"], {"num_cpus": 1, "num_gpus": 2}),
        ({"gpus": 0.3}, 6, ["a", "a", "a", "b", "b", "b"], {"num_cpus": 6, "num_gpus": 2}),
        ({"memory": "4GB"}, 2, [""], {"num_cpus": 2, "memory": 8e9}),
    ],
)
def test_a_node_has_as_many_trainings_as_have_room(need, slots, devices, claimed):
    """Each training gets its cores and its GPU or share of one, and Ray is told the total."""
    spec = ResourcesSpec.model_validate(need)
    setup = setup_of(NODE, spec)
    assert setup.slots == slots
    assert devices_of(setup, ["a", "b"]) == devices
    assert claim(setup, spec) == claimed


def test_files_go_there_and_back(tmp_path):
    """Packed files are unpacked at the other end, except for hidden ones."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.npz").write_bytes(b"123")
    (tmp_path / "a" / ".7-c.npz").write_bytes(b"half")
    packed = transfer.pack(tmp_path / "a")
    transfer.unpack(packed, tmp_path / "d")
    assert [path.relative_to(tmp_path) for path in tmp_path.glob("d/**/*") if path.is_file()] == [
        (tmp_path / "d/b/c.npz").relative_to(tmp_path)
    ]
    assert (tmp_path / "d/b/c.npz").read_bytes() == b"123"


@pytest.mark.parametrize("size", [100, 5_000, 200_000])
def test_a_file_that_cannot_be_written_whole_is_told(tmp_path, size):
    """No file is cut short without an error, however small it is."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(StorageError):
            transfer.unpack({"a": np.zeros(size, np.uint8)}, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["../a", "/etc/a", "b/../../a"])
def test_files_stay_in_their_directory(tmp_path, name):
    """A node cannot write outside its directory on the driver's machine."""
    with pytest.raises(ValueError, match="leads out"):
        transfer.unpack({name: np.zeros(1, np.uint8)}, tmp_path)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "no address is given: give"),
        ("auto", "is not a Ray cluster's address"),
        ("ray://head:10001", "is not a Ray cluster's address"),
        ("10.0.0.1:6379", "RAY_AUTH_TOKEN"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(monkeypatch, address, message):
    """This includes a remote address without a token, for which Ray would only warn."""
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(SearchlabError, match=message) as caught:
        Connection()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_cluster_that_is_not_there_is_one_line(monkeypatch, host):
    """A missing cluster is detected at once, before Ray is called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"{host}:{port}")
    told = f"there is no Ray cluster at {host}:{port} (Connection refused)"
    with pytest.raises(SearchlabError, match=re.escape(told)):
        Connection()


def test_without_the_extra_it_says_what_to_install(monkeypatch, tmp_path):
    """Without the extra `ray`, the error names it."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "ray" else found(n))
    with pytest.raises(MissingPackageError, match=r"pip install 'searchlab\[ray\]'"):
        plugins.executor("ray")


@pytest.mark.parametrize(
    ("resources", "executor", "message"),
    [
        ("{cpus: 2}", "fused", "training.resources: are what a training has on a cluster"),
        ("{cpus: 0}", "ray", "cpus"),
        ("{gpus: 1.5}", "ray", "fraction of one GPU"),
        ("{memory: 1MB}", "ray", "less than TensorFlow takes"),
    ],
)
def test_resources_that_cannot_be_given_are_refused(tmp_path, resources, executor, message):
    """The error names the key and the remedy when the file is read."""
    file = tmp_path / "a.yaml"
    file.write_text(
        "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\nsearch: {trials: 3}\n"
        f"training: {{resources: {resources}}}\nexecution: {{executor: {executor}}}\n"
    )
    with pytest.raises(StudyFileError, match=message):
        load_study(file, {}, [study_problems])


def test_resources_may_change_between_runs():
    """They decide where trainings run, not their results."""
    changed = study(training={"epochs": 9, "resources": {"cpus": 2}})
    assert differences(study(), changed) == []


def test_an_address_goes_with_the_ray_executor(tmp_path):
    """With another executor the address would be silently ignored."""
    file = tmp_path / "a.yaml"
    file.write_text("name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\n")
    result = CliRunner().invoke(cli, ["run", str(file), "--address", "x:1", "--trials", "3"])
    assert isinstance(result.exception, SystemExit | InputError)
    assert "--executor ray" in result.output

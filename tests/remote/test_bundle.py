"""The files that a study sends to a cluster, and their layout there."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from searchlab.cli import cli
from searchlab.errors import InputError
from searchlab.journal.layout import submissions
from searchlab.remote.bundle import bundle, server_uri
from searchlab.remote.driver import receive
from searchlab.study.file import load_study

STUDY = """
name: houses
data: {path: %s, target: price}
model: %s
space: {width: {int: [2, 4]}}
objective: {metric: val_loss}
search: {backend: optuna, trials: 2}
training: {epochs: 2}
"""
CODE = "import near\ndef build(width): ...\n"


@pytest.fixture
def project(tmp_path) -> Path:
    """Create a study beside its code, with its data elsewhere behind a link."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "houses.csv").write_text("area,price\n1,2\n")
    (tmp_path / "project" / "studies").mkdir(parents=True)
    (tmp_path / "project" / "data").symlink_to(tmp_path / "disk")
    (tmp_path / "project" / "studies" / "mine.py").write_text(
        "import near\ndef build(width): ...\n"
    )
    (tmp_path / "project" / "studies" / "near.py").write_text("x = 1\n")
    return tmp_path / "project"


def packed(project, data, model, **settings):
    path = project / "studies" / "houses.yaml"
    path.write_text(STUDY % (data, model))
    return bundle(load_study(path, settings), settings, None)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_study_is_found_whole_where_it_is_unpacked(project, tmp_path, absolute):
    """Study, data and code are sent, and the study finds them there however it names them here."""
    root = f"{project}/" if absolute else ""
    data = f"{root}data/houses.csv" if absolute else "../data/houses.csv"
    sent = packed(project, data, f"{root}{'studies/' if absolute else ''}mine.py:build")
    there = sent.unpack(tmp_path / "there")
    spec = load_study(there, sent.settings).spec
    found = (there.parent / spec.data.path).resolve()
    assert found.read_text() == "area,price\n1,2\n"
    assert found.is_relative_to(tmp_path / "there")
    code = there.parent / spec.factory.factory.partition(":")[0]
    assert not Path(spec.factory.factory).is_absolute()
    assert code.read_text() == CODE
    assert code.with_name("near.py").exists()


def test_what_was_set_on_the_command_line_goes_along(project, tmp_path):
    """Settings that override the study file here override it there."""
    settings = {"search.trials": 7, "name": "other"}
    path = project / "studies" / "houses.yaml"
    path.write_text(STUDY % ("../data/houses.csv", "mine.py:build"))
    sent = bundle(load_study(path, settings), settings, None)
    spec = load_study(sent.unpack(tmp_path / "there"), sent.settings).spec
    assert (sent.name, spec.name, spec.search.trials) == ("other", "other", 7)


def test_a_submission_takes_the_place_of_the_one_before(project, tmp_path):
    """A module removed here is removed there, so that nothing imports it any more."""
    for there in (True, False):
        receive(packed(project, "../data/houses.csv", "mine.py:build"), tmp_path / "head")
        assert bool(list((tmp_path / "head").rglob("near.py"))) is there
        (project / "studies" / "near.py").unlink(missing_ok=True)
    assert submissions(tmp_path / "head") == ["houses"]


def test_only_a_server_goes_along(monkeypatch):
    """A server's address is sent; a file on this machine is not, and a password is refused."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert server_uri(None) is None
    assert server_uri("http://mlflow:5000") == "http://mlflow:5000"
    with pytest.raises(InputError, match="is not an MLflow server"):
        server_uri("sqlite:///mine.db")
    with pytest.raises(InputError, match="contains a password") as error:
        server_uri("http://ann:secret@mlflow:5000")
    assert "secret" not in str(error.value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    assert server_uri(None) is None


def test_files_of_a_pattern_and_directories_go_along(project, tmp_path):
    """All files of a pattern are sent, also those that are links."""
    (project / "studies" / "parts").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "disk" / name).write_text("area,price\n1,2\n")
        (project / "studies" / "parts" / name).symlink_to(tmp_path / "disk" / name)
    sent = packed(project, "parts/*.csv", "mine.py:build")
    there = sent.unpack(tmp_path / "there")
    spec = load_study(there, sent.settings).spec
    found = sorted(each.name for each in there.parent.glob(spec.data.path))
    assert found == ["a.csv", "b.csv"]
    assert (there.parent / "parts" / "a.csv").read_text() == "area,price\n1,2\n"


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (["submit"], ["houses.csv", "houses.yaml", "mine.py", "near.py", "words.txt"]),
        (["run", "--executor", "ray"], ["mine.py", "near.py", "words.txt"]),
    ],
    ids=["submit", "run"],
)
def test_a_dry_run_lists_what_would_be_sent(project, command, sent):
    """No file is listed that the study does not name or import, and no cluster is needed."""
    studies = project / "studies"
    for name in ("credentials.json", "id_rsa", "mlflow.db", "notes.py", "words.txt"):
        (studies / name).write_text("a secret")
    (studies / "passwd").symlink_to("/etc/passwd")
    path = studies / "houses.yaml"
    path.write_text(STUDY % ("../data/houses.csv", "mine.py:build") + "files: ['w*.txt']\n")
    done = CliRunner().invoke(cli, [command[0], str(path), *command[1:], "--dry-run"])
    assert done.exit_code == 0, done.output
    *listed, total = done.output.splitlines()
    assert sorted(line.split()[1].rpartition("/")[2] for line in listed) == sent
    assert total.startswith(f"{len(sent)} files with ")


def test_a_dry_run_without_a_cluster_is_refused(project):
    """Other executors send nothing, and the option would be ignored."""
    path = project / "studies" / "houses.yaml"
    path.write_text(STUDY % ("../data/houses.csv", "mine.py:build"))
    done = CliRunner().invoke(cli, ["run", str(path), "--dry-run"])
    assert done.exit_code == 2
    assert "--dry-run is for --executor ray" in done.output


def test_a_directory_of_data_has_no_link_out_of_it(project):
    """Its data files are sent, hidden ones are not, and a link that leads out is refused."""
    kinds = project / "studies" / "kinds"
    for kind in ("good", "bad"):
        (kinds / kind).mkdir(parents=True)
        (kinds / kind / "a.txt").write_text(kind)
    (kinds / ".cache").mkdir()
    for name in (".cache/key", "good/.DS_Store", "bad/Thumbs.db"):
        (kinds / name).write_text("the system's own")
    (kinds / "bad" / "b.txt").symlink_to("/etc/passwd")
    path = project / "studies" / "houses.yaml"
    path.write_text(STUDY.replace(", target: price", "") % ("kinds", "mine.py:build"))
    link = kinds / "bad" / "b.txt"
    link.unlink()
    sent = {each.partition("kinds/")[2] for each in bundle(load_study(path), {}, None).files}
    assert sent - {""} == {"good/a.txt", "bad/a.txt"}
    link.symlink_to("/etc/passwd")
    with pytest.raises(InputError, match=r"b\.txt is a link to /etc/passwd, outside of"):
        bundle(load_study(path), {}, None)


def test_all_code_of_a_study_goes_along(project, tmp_path):
    """A transformer and a data function are sent with the factory, also if named by whole paths."""
    studies = project / "studies"
    (studies / "own.py").write_text("import near\nclass Scale: ...\ndef load(): ...\n")
    data = f"{{function: '{studies}/own.py:load', target: a, scale: '{studies}/own.py:Scale'}}"
    path = studies / "houses.yaml"
    path.write_text(STUDY.replace("{path: %s, target: price}", "%s") % (data, "mlp"))
    sent = bundle(load_study(path), {}, None)
    there = sent.unpack(tmp_path / "there")
    spec = load_study(there, sent.settings).spec
    assert (spec.data.function, spec.data.scale) == ("own.py:load", "own.py:Scale")
    assert {each.name for each in there.parent.iterdir()} == {"houses.yaml", "own.py", "near.py"}

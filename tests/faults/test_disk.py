"""Full or read-only disks and damaged files: one line is printed, and nothing is lost."""

import json
import resource
import shutil
import subprocess
import time
import zlib
from pathlib import Path

import psutil
import pytest
from faults.disks import as_root, fill, mounted
from faults.place import STUDY, TRIALS, Place, one_line
from support import programs
from support.finished import Finished
from support.processes import wait_until_gone
from support.studies import write_study

from searchlab.errors import StorageError
from searchlab.journal import journal
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import ROOT
from searchlab.journal.record import StudyRecord
from searchlab.tracking.mlflow import outbox

pytestmark = pytest.mark.slow  # a real MLflow store in nearly every test
LONG = pytest.mark.long


@pytest.fixture
def place(tmp_path, monkeypatch, database):
    """Create a study over an empty store."""
    monkeypatch.setattr(outbox, "_PATIENCE", 0.5)
    shutil.copy(database, tmp_path / "mlflow.db")
    return Place(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, database):
    """Run the study on a disk without faults."""
    directory = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        shutil.copy(database, directory / "mlflow.db")
        assert Place(directory, patch).run().exit_code == 0
    return Finished(directory)


@pytest.fixture(autouse=True)
def _no_limit_is_left():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def limit_files(size: int) -> None:
    """Limit this process' files to `size` bytes: a write is cut short, then refused."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))


def assert_as_undisturbed(place: Place, undisturbed: Finished) -> None:
    """Assert that, with the cause gone, the study ends as if undisturbed, in MLflow too."""
    again = place.run()
    assert (again.exit_code, again.stderr) == (0, "")
    finished = Finished(place.cwd)
    assert finished.picture() == undisturbed.picture()
    assert finished.mlflow_picture() == undisturbed.mlflow_picture()
    finished.check(TRIALS)


@pytest.mark.parametrize("more", [0, 150, *(pytest.param(n, marks=LONG) for n in (1, 777, 3000))])
def test_a_journal_that_cannot_grow_ends_the_process_and_nothing_else(place, undisturbed, more):
    """Wherever the disk fills up: one line, exit 2, nothing acknowledged is lost, all resumes."""
    place.at(0, 1, lambda: limit_files(place.journal.stat().st_size + more))
    result = place.run("--tracking-uri", "http://127.0.0.1:9")
    limit_files(-1)
    place.happening = lambda trial, epoch: None
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"searchlab: {place.journal}: cannot be written (")
    assert last.endswith("then run the study again: it continues where it was")
    assert "Traceback" not in result.stderr
    assert all(executor.idle for executor in place.executors), "trainings are ended"
    assert not (place.home / "data").exists()
    kept = place.journal.read_bytes()
    assert kept.endswith(b"\n"), "what could not be written whole is taken back"
    assert_as_undisturbed(place, undisturbed)
    assert place.journal.read_bytes().startswith(kept)


@as_root
@pytest.mark.parametrize("trial", [0, 3])
def test_a_full_disk_in_the_middle_of_a_study(place, undisturbed, trial):
    """A really full file system ends the study with one line; with free space it resumes."""
    root = place.cwd / ROOT
    with mounted(root, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        filler = root / "filler"

        place.at(trial, 2, lambda: fill(filler))
        result = place.run()
        assert result.exit_code == 2
        assert "No space left on device" in result.stderr.splitlines()[-1]
        assert "Traceback" not in result.stderr
        filler.unlink()
        place.happening = lambda trial, epoch: None
        assert_as_undisturbed(place, undisturbed)


def test_a_model_that_cannot_be_written_is_not_the_trials_fault(place, undisturbed):
    """A training that finds the disk full ends the process without an outcome and is run again."""

    def full():
        raise StorageError("models/2/fold-0.npz: the model cannot be written (no space)")

    place.at(2, 4, full)
    result = place.run()
    assert result.exit_code == 2
    assert "models/2/fold-0.npz: the model cannot be written" in one_line(result)
    place.happening = lambda trial, epoch: None
    assert_as_undisturbed(place, undisturbed)


@as_root
@pytest.mark.parametrize("begun", [False, True])
def test_a_read_only_directory(place, undisturbed, begun):
    """A file system that is read-only, before or during a study, is one line with a remedy."""
    if begun:
        place.at(2, 3, lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        place.run()
        place.happening = lambda trial, epoch: None
    root = place.cwd / ROOT
    root.mkdir(exist_ok=True)
    with mounted(root, "--bind", str(root)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        for arguments in (["run", "small.yaml"], *([["sync", "small"]] if begun else [])):
            result = place.searchlab(*arguments)
            assert result.exit_code == 2
            told = one_line(result)
            assert "Read-only file system" in told
            assert "make room or give write access, then run this again" in told
    assert_as_undisturbed(place, undisturbed)


def test_a_file_in_place_of_the_directory(place, undisturbed):
    """If `.searchlab` is a file, every command that needs it says so in one line."""
    (place.cwd / ROOT).write_text("")
    result = place.run()
    assert result.exit_code == 2
    assert "small: cannot be written (Not a directory)" in one_line(result)
    for command in (["show", "small"], ["best", "small"], ["sync", "small"]):
        assert "there is no study 'small'" in one_line(place.searchlab(*command))
    (place.cwd / ROOT).unlink()
    assert_as_undisturbed(place, undisturbed)


@pytest.mark.parametrize("tenth", [2, 9, *(pytest.param(n, marks=LONG) for n in (0, 5))])
def test_a_journal_cut_at_any_byte_goes_on(place, undisturbed, tenth):
    """A last line without its end was never acknowledged, so it is dropped and redone."""
    source = Path(undisturbed._database).parent / ROOT / "small" / "journal.jsonl"
    whole = source.read_bytes()
    place.home.mkdir(parents=True)
    place.journal.write_bytes(whole[: len(whole) * tenth // 10 + 7])
    assert_as_undisturbed(place, undisturbed)


def damage_byte(lines):
    lines[4] = lines[4].replace(b"1", b"2", 1)


def damage_text(lines):
    lines[4] = b"\xff\xfe\n"


def drop_first(lines):
    del lines[0]


def drop_ask(lines):
    del lines[next(n for n, line in enumerate(lines) if b'"Asked"' in line)]


def double(lines):
    lines.insert(4, lines[3])


def paste_twice(lines):
    lines += lines


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (damage_byte, "journal.jsonl:5: is damaged, or lines before it are missing or doubled"),
        (damage_text, "journal.jsonl:5: is damaged, or lines before it are missing or doubled"),
        (drop_first, "journal.jsonl:1: is damaged, or lines before it are missing or doubled"),
        (drop_ask, "journal.jsonl:3: is damaged, or lines before it are missing or doubled"),
        (double, "journal.jsonl:5: is damaged, or lines before it are missing or doubled"),
        (paste_twice, "is damaged, or lines before it are missing or doubled"),
    ],
)
@pytest.mark.parametrize("command", ["run", "show", "best", "sync"])
def test_a_damaged_journal_is_refused_and_stays_as_it_is(place, undisturbed, damage, told, command):
    """Each command names file, line and remedy, and nothing overwrites what may be repairable."""
    home = Path(undisturbed._database).parent / ROOT / "small"
    lines = (home / "journal.jsonl").read_bytes().splitlines(keepends=True)
    damage(lines)
    place.home.mkdir(parents=True)
    place.journal.write_bytes(b"".join(lines))
    result = place.searchlab(command, "small.yaml" if command == "run" else "small")
    assert result.exit_code == 2
    assert told in one_line(result)
    assert "all after it: searchlab repair small" in result.stderr
    assert place.journal.read_bytes() == b"".join(lines)


def test_one_damaged_journal_hides_no_other_study(place, undisturbed):
    """`list` shows the others, and names the damaged one on standard error."""
    home = Path(undisturbed._database).parent / ROOT / "small"
    whole = (home / "journal.jsonl").read_bytes()
    for name, content in (("damaged", whole[:-9] + b"?" + whole[-8:]), ("small", whole)):
        directory = place.home.with_name(name)
        directory.mkdir(parents=True)
        (directory / "journal.jsonl").write_bytes(content)
    result = place.searchlab("list", "--json")
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)) == 1
    assert "damaged/journal.jsonl" in result.stderr
    assert result.stderr.count("\n") == 1
    shutil.rmtree(place.home.with_name("small"))
    assert place.searchlab("list").stdout == "", "there is a study, so it is not said that none is"


def test_a_copy_of_a_studys_directory_says_so(place, undisturbed):
    """`list` shows it under the name that the other commands take, and says whose copy it is."""
    home = Path(undisturbed._database).parent / ROOT / "small"
    for name in ("copy", "small"):
        shutil.copytree(home, place.home.with_name(name))
    result = place.searchlab("list", "--json")
    assert result.exit_code == 0
    assert [each["name"] for each in json.loads(result.stdout)] == ["copy", "small"]
    assert "copy: is a copy of study small, listed as copy" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "damage",
    [
        *(damage_byte, drop_ask),
        *(pytest.param(each, marks=LONG) for each in (damage_text, double, paste_twice)),
    ],
)
def test_a_repaired_study_goes_on_to_the_same_end(place, undisturbed, damage):
    """`repair` keeps what comes before the damage and a copy; the rest is found again, exactly."""
    home = Path(undisturbed._database).parent / ROOT / "small"
    lines = (home / "journal.jsonl").read_bytes().splitlines(keepends=True)
    damage(lines)
    place.home.mkdir(parents=True)
    place.journal.write_bytes(b"".join(lines))
    told = place.searchlab("repair", "small").stdout
    assert "journal.jsonl: kept" in told
    assert (place.home / "journal.damaged-1.jsonl").read_bytes() == b"".join(lines)
    kept = place.journal.read_bytes()
    assert b"".join(lines).startswith(kept)
    assert 0 < len(kept) < len(b"".join(lines))
    assert "is whole; nothing was changed" in place.searchlab("repair", "small").stdout
    assert_as_undisturbed(place, undisturbed)


@pytest.mark.parametrize("kept", [8, 20])
def test_mlflow_follows_a_journal_that_has_lost_its_end(place, undisturbed, kept):
    """After a repair or from a backup, what is trained again is in MLflow once, with its times."""
    home = Path(undisturbed._database).parent / ROOT / "small"
    shutil.copytree(home, place.home)
    (place.home / "mlflow.jsonl").unlink()
    assert place.searchlab("sync", "small").exit_code == 0
    lines = place.journal.read_bytes().splitlines(keepends=True)
    place.journal.write_bytes(b"".join(lines[:kept]))
    assert_as_undisturbed(place, undisturbed)


@pytest.mark.parametrize("what", ["an event", "a key of an event", "a key of the study"])
def test_a_journal_of_another_version_is_told_from_a_damaged_one(place, undisturbed, what):
    """An unknown event or key is not damage: the message names the version."""
    place.home.mkdir(parents=True)
    lines = journal.encoded(undisturbed.entries[:3]).splitlines(keepends=True)
    changed = json.loads(lines[0 if "study" in what else 1])
    del changed["crc"]
    if what == "an event":
        changed["event"] = "Dreamt"
    elif what == "a key of an event":
        changed["mood"] = 1
    else:
        changed["study"]["mood"] = 1
    first = "study" in what
    lines[0 if first else 1] = _with_checksum(changed, 0 if first else int(lines[0][-11:-3], 16))
    del lines[1 if first else 2 :]
    place.journal.write_bytes(b"".join(lines))
    result = place.run()
    assert result.exit_code == 2
    said = one_line(result)
    assert "was written by another version of searchlab" in said
    assert "use that version, or start the study anew under another --name" in said


def _with_checksum(values, before: int) -> bytes:
    body = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return f'{body[:-1]},"crc":"{zlib.crc32(body.encode(), before):08x}"}}\n'.encode()


def test_a_note_that_cannot_be_written_leaves_nothing_running(place, undisturbed):
    """A directory in place of mlflow.jsonl is told in one line; MLflow has all, each once."""
    place.home.mkdir(parents=True)
    note = place.home / "mlflow.jsonl"
    note.mkdir()
    result = place.run()
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert f"{note} cannot be written (Is a directory)" in result.stderr
    Finished(place.cwd).check(TRIALS)
    note.rmdir()
    assert_as_undisturbed(place, undisturbed)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b'{"study": 1}'),
        *(pytest.param(each, marks=LONG) for each in (b"{", b"[]", b"\xff")),
    ],
)
def test_a_damaged_memory_of_mlflow_is_ignored(place, undisturbed, content):
    """Without mlflow.jsonl, the runs are found in the store and none is duplicated."""
    place.at(3, 2, lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    place.run()
    place.happening = lambda trial, epoch: None
    (place.home / "mlflow.jsonl").write_bytes(content)
    assert_as_undisturbed(place, undisturbed)


def test_what_a_crash_left_behind_is_cleared_away(place, undisturbed):
    """Complete or partial prepared data and a dead owner's name do not get in the way."""
    for left in ("data", ".0123456789ab-data", ".0123456789ab-data.old"):
        (place.home / left).mkdir(parents=True)
        (place.home / left / "x_train.npy").write_bytes(b"half")
    (place.home / "owner").write_text("process 1 on nowhere")
    (place.home / "lock").write_text("")
    (place.home / ".0123456789ab-mlflow.jsonl").write_text("{")
    assert_as_undisturbed(place, undisturbed)
    left = {path.name for path in place.home.iterdir()}
    assert left <= {
        "journal.jsonl",
        "search.json",
        "brief.json",
        "mlflow.jsonl",
        "data.json",
        "lock",
        "models",
    }


def test_a_store_that_cannot_grow_does_not_end_the_study(place, undisturbed):
    """With mlflow.db at its limit the study ends well, and a warning gives reason and remedy."""
    limit_files((place.cwd / "mlflow.db").stat().st_size)
    result = place.run()
    limit_files(-1)
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert "mlflow.db cannot be used (" in result.stderr
    assert result.stderr.endswith("once it is back, searchlab sync small\n")
    assert Finished(place.cwd).picture() == undisturbed.picture()
    assert place.searchlab("sync", "small").exit_code == 0
    assert_as_undisturbed(place, undisturbed)


@as_root
def test_a_store_that_is_read_only_does_not_end_the_study(place, undisturbed, database):
    """With mlflow.db on a read-only disk the study ends well, and sync sends it later."""
    store = place.cwd / "store"
    store.mkdir()
    shutil.move(place.cwd / "mlflow.db", store / "mlflow.db")
    uri = f"sqlite:///{store}/mlflow.db"
    with mounted(store, "--bind", str(store)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(store)], check=True)
        result = place.run("--tracking-uri", uri)
        assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
        assert "ead-only" in result.stderr
        assert f"searchlab sync small --tracking-uri {uri}" in result.stderr
    assert place.searchlab("sync", "small", "--tracking-uri", uri).exit_code == 0
    shutil.move(store / "mlflow.db", place.cwd / "mlflow.db")
    Finished(place.cwd).check(TRIALS)


LONG = STUDY.replace("epochs: 5", "epochs: 40").replace("int: [0, 2]", "int: [1, 2]")


@pytest.mark.keras
@pytest.mark.long
@as_root
def test_a_full_disk_under_real_trainings(tmp_path):
    """The program's disk fills up: one line, no orphan process; with space again it finishes."""
    root = tmp_path / ROOT
    write_study(tmp_path / "small.yaml", LONG + "confirm: 0\nbaselines: false\n")
    journal_file = root / "small" / "journal.jsonl"
    command = ("run", "small.yaml", "--quiet")
    with mounted(root, "-t", "tmpfs", "-o", "size=2m", "tmpfs"):
        program = programs.Program(tmp_path, *command)
        while not (journal_file.exists() and b'"Told"' in journal_file.read_bytes()):
            assert program.poll() is None, "the study ended too soon"
            time.sleep(0.02)
        children = psutil.Process(program.pid).children(recursive=True)
        fill(root / "filler")
        told = program.communicate()[1].splitlines()
        assert program.returncode == 2
        assert "No space left on device" in told[-1]
        assert not any("Traceback" in line for line in told)
        wait_until_gone(children)
        kept = journal_file.read_bytes()
        (root / "filler").unlink()
        assert programs.run(tmp_path, *command).returncode == 0
        assert journal_file.read_bytes().startswith(kept)
        record = StudyRecord(read_journal(journal_file))
    assert record.state == "finished"
    assert record.counts() == {"COMPLETE": TRIALS}

"""The digest of a directory and its signature."""

import os

import pytest

from searchlab.core.digest import KEY_FILE, directory_digest, is_signature, signature, signing_key
from searchlab.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """A directory with two files, one of them in a folder."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("ab")
    (tmp_path / "b").write_text("c")
    return tmp_path


CHANGES = {
    "a byte": lambda folder: (folder / "b").write_text("d"),
    "a byte moved to the next file": lambda folder: [
        (folder / "b").write_text("bc"),
        (folder / "code" / "a.py").write_text("a"),
    ],
    "a name": lambda folder: (folder / "b").rename(folder / "c"),
    "a place": lambda folder: (folder / "b").rename(folder / "code" / "b"),
    "a new file": lambda folder: (folder / "code" / "b.so").touch(),
    "a missing file": lambda folder: (folder / "b").unlink(),
    "a hidden file": lambda folder: (folder / ".b").touch(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_of_a_file_is_another_digest(folder, change):
    """Names and bytes of all files count, and so does where one ends and the next begins."""
    before = directory_digest(folder)
    CHANGES[change](folder)
    assert directory_digest(folder) != before


def test_times_and_rights_of_files_do_not_count(folder):
    """A copy has the digest of the original."""
    before = directory_digest(folder)
    os.utime(folder / "b", (1, 1))
    (folder / "b").chmod(0o600)
    assert directory_digest(folder) == before


def test_a_link_has_no_digest(folder):
    """Its content can change without the directory."""
    (folder / "link").symlink_to(folder / "b")
    with pytest.raises(OSError, match="link is neither a file nor a folder"):
        directory_digest(folder)


def test_names_can_be_left_out(folder):
    """Wherever they are."""
    before = directory_digest(folder)
    (folder / "code" / "__pycache__").mkdir()
    (folder / "code" / "__pycache__" / "a.pyc").touch()
    assert directory_digest(folder, ("__pycache__",)) == before != directory_digest(folder)


def test_a_signature_is_good_for_one_digest_and_one_key():
    """Another digest, another key, or any other text is refused."""
    good = signature("digest", b"k" * 32)
    assert is_signature(good, "digest", b"k" * 32)
    assert not is_signature(good, "other", b"k" * 32)
    assert not is_signature(good, "digest", b"o" * 32)
    assert not is_signature("", "digest", b"k" * 32)
    assert not is_signature("ä", "digest", b"k" * 32)


def test_the_key_is_read_from_its_file(tmp_path, monkeypatch):
    """Without the variable there is none; a newline at its end is not part of it."""
    monkeypatch.delenv(KEY_FILE, raising=False)
    assert signing_key() is None
    (tmp_path / "key").write_text("k" * 64 + "\n")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "key"))
    assert signing_key() == b"k" * 64


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), ("short", "has 5 bytes")]
)
def test_a_key_that_cannot_be_used_is_told(tmp_path, monkeypatch, content, message):
    """Its file is named, and nothing is signed or believed without it."""
    if content is not None:
        (tmp_path / "key").write_text(content)
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "key"))
    with pytest.raises(InputError, match=message) as refused:
        signing_key()
    assert str(tmp_path / "key") in str(refused.value)

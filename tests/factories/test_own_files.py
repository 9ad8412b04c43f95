"""The user's files that go to another machine: imported by the code, or declared by the study."""

from pathlib import Path

import pytest

from searchlab.engine.checks import study_problems
from searchlab.errors import InputError, StudyFileError
from searchlab.factories.sources import own_files
from searchlab.study.file import load_study
from searchlab.testing.doubles import study

SECRETS = ("credentials.json", "id_rsa", "mlflow.db", ".env", "notes.py", "secrets.py")
IMPORTS = """
import secrets
import numpy as np
from importlib import import_module
from nets.blocks import dense
from nets import parts
import plain.deep.below


def build(units):
    import late
    import_module("by_name")
    return import_module(f"made_{units}")
"""
PROJECT = {
    "mine.py": IMPORTS,
    "nets/__init__.py": "",
    "nets/blocks.py": "from . import sizes\nfrom .parts import *\n",
    "nets/sizes.py": "from .again import build\n",
    "nets/again.py": "import nets.blocks\n",
    "nets/unused.py": "",
    "nets/parts/__init__.py": "__all__ = ['one']\n__all__ += ('two',)\n",
    "nets/parts/one.py": "this is no Python",
    "nets/parts/two.py": "",
    "nets/parts/three.py": "",
    "plain/deep/below.py": "",
    "late.py": "",
    "by_name.py": "",
    "made_2.py": "",
}
IMPORTED = {
    "mine.py", "late.py", "by_name.py", "plain/deep/below.py",
    "nets/__init__.py", "nets/blocks.py", "nets/sizes.py", "nets/again.py",
    "nets/parts/__init__.py", "nets/parts/one.py", "nets/parts/two.py",
}  # fmt: skip


@pytest.fixture
def project(tmp_path) -> Path:
    """Create a project with code, and with files beside it that are nobody else's business."""
    root = tmp_path / "project"
    for name, text in {**PROJECT, **dict.fromkeys(SECRETS, "a secret")}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def found(project, *references, files=()):
    spec = study(files=files)
    return {str(path.relative_to(project)) for path in own_files(spec, references, project)}


@pytest.mark.parametrize("reference", ["mine.py:build", "mine:build"])
def test_only_what_the_code_imports_is_found(project, reference):
    """All forms of import are followed, and no file is taken because it lies beside the code."""
    assert found(project, reference) == IMPORTED


def test_a_submodule_comes_with_its_packages(project):
    """A module named by its dotted path needs the packages that it is in, and no more."""
    assert found(project, "nets.parts.two:build") == {
        "nets/__init__.py",
        "nets/parts/__init__.py",
        "nets/parts/two.py",
    }


def test_each_piece_of_code_is_followed(project):
    """A transformer elsewhere is sent, too, and may import what lies beside the model."""
    (project / "own").mkdir()
    (project / "own" / "scale.py").write_text("import near, late\n")
    (project / "own" / "near.py").write_text("")
    sent = found(project, "late.py:build", "own/scale.py:Scale", "by_name.py:load")
    assert sent == {"late.py", "own/scale.py", "own/near.py", "by_name.py"}


@pytest.mark.parametrize("reference", ["mlp", "searchlab.factories.built_in:mlp"])
def test_installed_code_is_not_sent(project, reference):
    """Code of an installed package is expected on every machine."""
    assert found(project, reference) == set()


def test_declared_files_are_found(project):
    """Paths and patterns of `files` add to what the code imports; hidden files need their names."""
    (project / "words").mkdir()
    for name in ("words/a.txt", "words/b.txt", "words/.c.txt"):
        (project / name).write_text("")
    files = ("made_*.py", "words/**")
    assert found(project, "mlp", files=files) == {"made_2.py", "words/a.txt", "words/b.txt"}


@pytest.mark.parametrize("linked", ["late.py", "mine.py", "nets", "words.txt"])
def test_a_link_out_of_the_directory_is_refused(project, tmp_path, linked):
    """One line names the link and the remedy, for code, a package and a declared file."""
    outside = tmp_path / "outside"
    (project / "words.txt").write_text("")
    (project / linked).rename(outside)
    (project / linked).symlink_to(outside)
    message = f"{linked}.* is a link to .*outside.* put the file itself there"
    with pytest.raises(InputError, match=message) as error:
        found(project, "mine.py:build", files=("words.txt",))
    assert "\n" not in str(error.value)


def test_a_link_within_the_directory_is_followed(project):
    """A link that stays in the directory is sent under its own name."""
    (project / "late.py").rename(project / "real.py")
    (project / "late.py").symlink_to("real.py")
    assert found(project, "mine.py:build") == IMPORTED


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("[vocab.txt]", "files: no file is named like vocab.txt"),
        ("[../other.txt]", "files: ../other.txt is not in the directory of the study file"),
        ("[/etc/passwd]", "files: /etc/passwd is not in the directory of the study file"),
        ("[words/../../x]", "files: words/../../x is not in the directory"),
    ],
)
def test_files_that_cannot_be_sent_are_told_with_their_key(project, files, message):
    """The study file is refused before anything runs."""
    path = project / "study.yaml"
    path.write_text(
        "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\n"
        f"search: {{trials: 2}}\nfiles: {files}\n"
    )
    with pytest.raises(StudyFileError) as caught:
        load_study(path, {}, [study_problems])
    assert message in str(caught.value)

"""The study files that `searchlab init` writes, and the ready ones in `studies/`."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from searchlab.cli.scaffold import default_file, init_text, write_new
from searchlab.data.catalog import DATASETS
from searchlab.errors import InputError
from searchlab.study.file import load_study

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """Write a small CSV file in its own directory."""
    path = tmp_path / "data" / "my houses.csv"
    path.parent.mkdir()
    path.write_text('rooms,"price, net",age\n1,2,3\n', encoding="utf-8")
    return path


def written(path: Path, text: str) -> Path:
    """Write the text to the file and return the file."""
    write_new(path, text)
    return path


@pytest.mark.parametrize("dataset", [None, *DATASETS])
def test_each_data_set_gives_a_valid_study(dataset: str | None, tmp_path: Path) -> None:
    """The file written for a built-in data set is a valid study of the file's name."""
    path = tmp_path / default_file(dataset, None)
    spec = load_study(written(path, init_text(dataset, None, None, path))).spec
    assert spec.data.dataset == (dataset or "digits")
    assert spec.name == path.stem


def test_what_is_commented_out_is_valid_too(tmp_path: Path) -> None:
    """Each commented-out alternative is valid once its comment sign is removed."""
    text = init_text("california_housing", None, None, Path("x.yaml"))
    path = written(tmp_path / "x.yaml", text)
    commented = re.findall(r"^  # ((activation|seconds|folds|options): .*)$", text, re.M)
    assert [key for _, key in commented] == ["activation", "seconds", "options", "options", "folds"]
    for line, key in commented:
        changed = text.replace(f"  # {line}", f"  {line}")
        if key == "folds":
            changed = re.sub(r"^  holdout: .*\n", "", changed, flags=re.M)
        path.write_text(changed, encoding="utf-8")
        assert key in load_study(path).spec.model_dump_json(exclude_defaults=True)


def test_a_csv_file_gives_a_valid_study(houses: Path, tmp_path: Path) -> None:
    """The CSV path is relative to the study file, and a comment lists the other columns."""
    path = tmp_path / "studies" / "houses.yaml"
    text = init_text(None, houses, "price, net", path)
    data = load_study(written(path, text)).spec.data
    assert (path.parent / (data.path or "")).resolve() == houses.resolve()
    assert data.path == "../data/my houses.csv"
    assert data.target == "price, net"
    assert "# The other columns: rooms, age" in text


@pytest.mark.parametrize(
    ("rows", "folds", "batch"), [(150, 5, 16), (3_000, 3, 32), (15_000, None, 64)]
)
def test_settings_suit_the_number_of_rows(
    rows: int, folds: int | None, batch: int, tmp_path: Path
) -> None:
    """Few rows are scored by cross-validation, with small batches; many by a hold-out."""
    csv = tmp_path / "t.csv.gz"
    csv.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * rows))
    spec = load_study(written(tmp_path / "t.yaml", init_text(None, csv, "b", tmp_path / "t"))).spec
    assert (spec.evaluation.folds, spec.training.batch_size) == (folds, batch)
    assert (spec.evaluation.holdout is None) == (folds is not None)


def test_settings_suit_the_rows_of_a_built_in_data_set() -> None:
    """150 flowers are scored by cross-validation, 70,000 images by a hold-out."""
    assert "  folds: 5  #" in init_text("iris", None, None, Path("x.yaml"))
    assert "\n  holdout: 0.2  #" in init_text("fashion_mnist", None, None, Path("x.yaml"))


@pytest.mark.parametrize("name", ["t.tsv", "t.csv.gz", "bom.csv", "bom.csv.gz"])
def test_other_kinds_of_csv(name: str, tmp_path: Path) -> None:
    """Tabs, compression and a byte order mark are read as the data loader reads them."""
    text = "a,b\n1,2\n".replace(",", "\t" if name.endswith("tsv") else ",")
    raw = text.encode("utf-8-sig" if name.startswith("bom") else "utf-8")
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    assert 'target: "a"' in init_text(None, tmp_path / name, "a", tmp_path / "t.yaml")


@pytest.mark.parametrize("separator", [";", "|", "   "])
def test_a_file_has_any_separator(separator: str, tmp_path: Path) -> None:
    """The header is divided as the data loader divides it, also with decimal commas."""
    (tmp_path / "t.csv").write_text(f"a{separator}b{separator}c\n1,5{separator}2,5{separator}3,5\n")
    text = init_text(None, tmp_path / "t.csv", "b", tmp_path / "t.yaml")
    assert 'target: "b"' in text
    assert "# The other columns: a, c\n" in text


def test_column_names_cannot_break_the_file(tmp_path: Path) -> None:
    """Line breaks and quotes in column names stay text and add no keys to the file."""
    csv = tmp_path / "x.csv"
    csv.write_text('"a\nspace: {}","say ""hi"" # \\",c\n1,2,3\n', encoding="utf-8")
    path = tmp_path / "true.yaml"
    spec = load_study(written(path, init_text(None, csv, 'say "hi" # \\', path))).spec
    assert spec.data.target == 'say "hi" # \\'
    assert "# The other columns: a space: {}, c\n" in path.read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"one of a space: \{\}, "):
        init_text(None, csv, None, path)
    assert spec.name == "true"


@pytest.mark.parametrize(
    ("target", "message"),
    [(None, "which column"), ("room", "did you mean 'rooms'"), ("xyz", "rooms, price, net, age")],
)
def test_a_target_that_is_not_there(houses: Path, target: str | None, message: str) -> None:
    """A missing or unknown target is an error that names the file and its columns."""
    with pytest.raises(InputError, match=message) as caught:
        init_text(None, houses, target, Path("x.yaml"))
    assert str(houses) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "no such file: did you mean .*/my houses.csv"),
        ("empty.csv", b"", "has no header"),
        ("strange.csv", b"a,b\n\x81,1\n", "has an unknown encoding"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:12], "cannot be read as CSV"),
        ("table.parquet", b"PAR1", "is not named .csv"),
    ],
)
def test_csv_files_that_cannot_be_read(
    houses: Path, name: str, content: bytes | None, message: str
) -> None:
    """Each defect of a CSV file is one line that says what to do."""
    path = houses.parent / name
    if content is None:
        path = houses.parent / "my house.csv"
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        init_text(None, path, "price", Path("x.yaml"))
    assert "\n" not in str(caught.value)


def test_unknown_data_sets_and_contradictions_are_refused(houses: Path) -> None:
    """A misspelled data set is corrected; two sources, or a target without a file, are refused."""
    with pytest.raises(InputError, match="did you mean digits"):
        init_text("digit", None, None, Path("x.yaml"))
    with pytest.raises(InputError, match="leave one of them out"):
        init_text("iris", houses, "age", Path("x.yaml"))
    with pytest.raises(InputError, match="leave target out"):
        init_text("iris", None, "age", Path("x.yaml"))


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    """Writing refuses to overwrite a file and creates missing directories."""
    path = tmp_path / "a" / "b" / "x.yaml"
    write_new(path, "first")
    with pytest.raises(InputError, match=r"x\.yaml: exists and was left unchanged"):
        write_new(path, "second")
    assert path.read_text(encoding="utf-8") == "first"


def test_default_file_is_named_by_the_data() -> None:
    """The default file is in the current directory, named after the data set or CSV file."""
    assert default_file(None, None) == Path("digits.yaml")
    assert default_file("iris", None) == Path("iris.yaml")
    assert default_file(None, Path("data/my.houses.CSV.gz")) == Path("my.houses.yaml")


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_studies_that_ship_are_valid(path: Path) -> None:
    """Each study in studies/ loads, uses a built-in data set and is named after its file."""
    spec = load_study(path).spec
    assert spec.name == path.stem.replace("_", "-")
    assert spec.data.dataset in DATASETS

"""A real PostgreSQL server: a data set is read from it exactly, and a study is sent to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import postgresql
from support.stores import history, runs, study_of, track

from searchlab.data.load import load
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

pytestmark = pytest.mark.cluster

TABLE = """
create table houses (
    id bigint, lot numeric(30), price numeric(12, 2), garden boolean, name text,
    sold timestamptz, built date, deed uuid, y double precision);
insert into houses
select case when n = 3 then null else 100000000000000000 + n end,
    10000000000000000000000000 + n, 1000.25 + n, case when n = 5 then null else n % 2 = 0 end,
    'a :x ' || n || ' %s', timestamptz '2024-03-30 12:00+02' + n * interval '1 day',
    date '1990-01-01' + n, lpad(n::text, 32, '0')::uuid, n / 7.0
from generate_series(0, 59) n
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start a server, and make the table."""
    import psycopg2

    found = postgresql.programs()
    if found is None:
        pytest.skip("no PostgreSQL of Debian's package, or not root to start it as another user")
    with postgresql.server(found) as address:
        plain = address.replace("+psycopg2", "")
        with contextlib.closing(psycopg2.connect(plain)) as made, made, made.cursor() as cursor:
            cursor.execute(TABLE)
        yield plain


def test_a_table_of_postgresql_has_its_values(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers, decimals, truths, times, days and ids are what they are, missing ones included."""
    monkeypatch.setenv("HOUSES", address)
    query = (
        "select *, y::text || ':' as cast_of_y from houses where name like 'a :x %' order by lot"
    )
    spec = DataSpec(sql=query, url_env="HOUSES", target="y", drop=("id", "deed"))
    table = load(spec, tmp_path)
    assert dict(table.kinds) == {
        "lot": "text",
        "price": "number",
        "garden": "boolean",
        "name": "text",
        "sold": "date",
        "built": "date",
        "cast_of_y": "text",
    }
    row = table.X.iloc[2]
    assert (row["lot"], row["price"], row["garden"]) == (f"1{'0' * 24}2", 1002.25, 1.0)
    assert (row["name"], str(row["built"])) == ("a :x 2 %s", "1990-01-03 00:00:00")
    assert table.X["garden"].isna().sum() == 1
    assert table.y.tolist() == pytest.approx([n / 7 for n in range(60)])
    assert table.aside is not None
    assert table.aside["id"].tolist()[:3] == [10**17, 10**17 + 1, 10**17 + 2]
    assert table.aside["id"].isna().sum() == 1
    assert table.aside["deed"].iloc[7] == "00000000-0000-0000-0000-000000000007"
    assert load(spec, tmp_path).digest == table.digest


@pytest.mark.parametrize(
    ("query", "change", "message"),
    [
        ("select * from hous", ("", ""), 'refuses data.sql .relation "hous" does not exist'),
        ("create table more (y int)", ("", ""), "returned no table for data.sql"),
        ("select 1 as y", ("knows", "new"), "refuses data.sql .connection to server .* failed"),
    ],
)
def test_what_postgresql_refuses_is_a_line_without_the_password(
    address: str,
    query: str,
    change: tuple[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong query or password is told in one line that shows no address."""
    monkeypatch.setenv("HOUSES", address.replace(*change) if change[0] else address)
    with pytest.raises(DataError, match=message) as refused:
        load(DataSpec(sql=query, url_env="HOUSES", target="y"), tmp_path)
    assert "no%2Fone" not in str(refused.value)
    assert postgresql.PASSWORD not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_many_trials_come_to_postgresql_at_once(address: str, tmp_path: Path) -> None:
    """Each is a run there with all its points, which the same study in SQLite has, too."""
    (tmp_path / "study").mkdir()
    found = []
    for uri in (
        address.replace("postgresql:", "postgresql+psycopg2:"),
        f"sqlite:///{tmp_path}/a.db",
    ):
        tracker = track(uri, tmp_path / "study", study_of(40))
        assert (tracker.pending, tracker.problem) == (0, None)
        sent = runs(uri)
        assert len(sent) == 41
        found.append({name: (run.data.params, history(uri, run)) for name, run in sent.items()})
    assert found[0] == found[1]

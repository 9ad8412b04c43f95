"""A data set is read from a real PostgreSQL server with the types and digits that it has there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.mlflow_server import free_port

from searchlab.data.load import load
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

pytestmark = pytest.mark.cluster

PASSWORD = "no/one:knows@it"  # noqa: S105 - of this test's server
ADDRESS = "postgresql://postgres:no%2Fone%3Aknows%40it@127.0.0.1:{port}/postgres"
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
    """Start a server of Debian's package, which does not run as root."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found or os.geteuid() != 0:
        pytest.skip("no PostgreSQL of Debian's package, or not root to start it as another user")
    port, where = free_port(), Path(tempfile.mkdtemp(prefix="searchlab-test-"))
    shutil.chown(where, "postgres")
    (where / "password").write_text(PASSWORD)
    (where / "password").chmod(0o644)
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    made = [found[-1] / "initdb", "-D", where / "data", "--auth=scram-sha-256", "--no-sync"]
    made += [f"--pwfile={where / 'password'}", "--username=postgres", "--encoding=UTF8"]
    subprocess.run([*as_user, *made], check=True, capture_output=True, cwd="/")
    serve = [found[-1] / "postgres", "-D", where / "data", "-p", str(port), "-k", where]
    with (where / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_user, *serve, "-c", "listen_addresses=127.0.0.1"], stdout=log, stderr=log, cwd="/"
        )
    try:
        _fill(port)
        yield ADDRESS.format(port=port)
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(where)


def _fill(port: int) -> None:
    """Make the table as soon as the server answers."""
    import psycopg2

    for _ in range(300):
        try:
            connection = psycopg2.connect(
                host="127.0.0.1", port=port, user="postgres", password=PASSWORD
            )
            break
        except psycopg2.OperationalError:
            time.sleep(0.2)
    with connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
    connection.close()


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
    assert PASSWORD not in str(refused.value)
    assert "\n" not in str(refused.value)

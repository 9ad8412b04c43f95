"""A file of an object store such as Amazon's S3 is read from its address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from searchlab.data.load import load
from searchlab.errors import DataError
from searchlab.study.data import DataSpec

KEYS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "nobody-knows-it",
    "AWS_DEFAULT_REGION": "us-east-1",
}
pytestmark = pytest.mark.slow  # starts a server


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[pd.DataFrame]:
    """Serve the bucket `houses` with t.csv and t.parquet on the loopback address."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(name, value)
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="houses")
    frame = pd.DataFrame({"a": np.arange(40) / 3, "y": np.arange(40) / 7})
    client.put_object(Bucket="houses", Key="new/t.csv", Body=frame.to_csv(index=False).encode())
    client.put_object(Bucket="houses", Key="new/t.parquet", Body=frame.to_parquet())
    yield frame
    server.stop()


def test_a_file_of_a_bucket_is_read(bucket: pd.DataFrame, tmp_path: Path) -> None:
    """Each kind of file has its values; one that is not there is told without any key."""
    for name in ("t.csv", "t.parquet"):
        table = load(DataSpec(path=f"s3://houses/new/{name}", target="y"), tmp_path)
        np.testing.assert_allclose(table.X["a"], bucket["a"])
        assert table.source == f"s3://houses/new/{name}"
    with pytest.raises(DataError) as refused:
        load(DataSpec(path="s3://houses/new/u.csv", target="y"), tmp_path)
    assert str(refused.value) == (
        "s3://houses/new/u.csv: cannot be fetched (no such file): correct data.path"
    )

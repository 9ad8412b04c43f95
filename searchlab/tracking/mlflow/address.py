"""The addresses of tracking stores and of the models in them, and how they are shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from searchlab.errors import TrackingError

MODEL = re.compile(
    r"models:/(?P<id>m-[^/@]+)|models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>\d+))"
    r"|runs:/(?P<run>[^/]+)/(?P<path>.+)"
)
"""The address of a model in a store."""

_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql")
_SECRET = re.compile(r"(?i)\b([a-z_]*(?:password|passwd|pwd|token|secret)=)[^&;]*")
_USER = re.compile(r"^[^/@]*@")
_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD", "MYSQL_PWD")
_HIDDEN = "***"


def resolve_uri(option: str | None, cwd: Path) -> str:
    """Return the tracking URI of a study.

    Args:
        option: the user's choice; without it the variable MLFLOW_TRACKING_URI counts, and
            without that the file `mlflow.db` in `cwd`, which a plain `mlflow ui` there shows.
        cwd: the directory from which relative SQLite files start.

    Returns:
        An http(s) or database URI; the path of a SQLite file in it is absolute.

    Raises:
        TrackingError: if MLflow has no store for such a URI.
    """
    uri = option or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    scheme, colon, rest = uri.partition("://")
    if not colon or scheme.split("+")[0] not in _SCHEMES:
        raise TrackingError(
            f"tracking URI {redact(uri)!r} cannot be used: give the address of an MLflow server "
            "(http://host:5000) or of a database (sqlite:///mlflow.db)"
        )
    if scheme != "sqlite":
        return uri.rstrip("/")
    if rest in ("", "/", "/:memory:"):
        raise TrackingError(
            f"tracking URI {uri!r} names no file: give one, such as sqlite:///mlflow.db"
        )
    return f"sqlite:///{(cwd / rest[1:]).resolve()}"


def redact(uri: str) -> str:
    """Return the URI with `***` in place of any password or token."""
    password = _password(uri)
    if password is not None:
        uri = uri.replace(f":{password}@", f":{_HIDDEN}@", 1)
    return _SECRET.sub(rf"\g<1>{_HIDDEN}", uri)


def bare(uri: str) -> str:
    """Return the URI without user and password."""
    scheme, colon, rest = uri.partition("://")
    if _password(uri) is not None:
        return f"{scheme}{colon}{rest.rpartition('@')[2]}"
    return f"{scheme}{colon}{_USER.sub('', rest)}"


def scrub(text: str, uri: str) -> str:
    """Return a message in one line, without the store's passwords."""
    password = _password(uri)
    secrets = [] if password is None else [password, unquote(password)]
    secrets += [os.environ.get(name, "") for name in _VARIABLES]
    text = text.replace(uri, redact(uri))
    for secret in filter(None, secrets):
        text = text.replace(secret, _HIDDEN)
    return " ".join(_SECRET.sub(rf"\g<1>{_HIDDEN}", text).split())


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite URI from `resolve_uri`, or None for any other store."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def file_identity(uri: str) -> tuple[int, int] | None:
    """Return what tells the file of a SQLite URI from any other; None without such a file."""
    file = sqlite_file(uri)
    try:
        status = None if file is None else file.stat()
    except FileNotFoundError:
        return None
    return None if status is None else (status.st_dev, status.st_ino)


def missing_file(uri: str) -> Path | None:
    """Return the file of a SQLite URI that does not exist yet, or None."""
    file = sqlite_file(uri)
    return None if file is None or file.exists() else file


def refuse_missing(uri: str) -> None:
    """Refuse a store that does not exist yet.

    Raises:
        TrackingError: if it is a file that does not exist.
    """
    if file := missing_file(uri):
        raise TrackingError(f"there is no {file.name} here yet: searchlab run makes it")


def _password(uri: str) -> str | None:
    """Return the password in the URI as it is written there; None if there is none.

    This includes a password with an unquoted `/`, `?` or `#`, and one in an address without a
    scheme, which cannot be used but appears in the error message.
    """
    scheme, _, rest = uri.partition("://")
    if scheme.split("+")[0] == "sqlite":
        return None
    credentials, at, _ = (rest or uri).rpartition("@")
    return credentials.partition(":")[2] or None if at else None

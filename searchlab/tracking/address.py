"""Which tracking store a study uses, and how its address is written where others can read it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from searchlab.errors import TrackingError

_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql")
_SECRET = re.compile(r"(?i)\b([a-z_]*(?:password|passwd|pwd|token|secret)=)[^&;]*")
_HIDDEN = "***"


def resolve_uri(option: str | None, cwd: Path) -> str:
    """The tracking URI of a study.

    Args:
        option: what the user gave; without it the variable MLFLOW_TRACKING_URI counts, and
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
    """The URI with `***` in place of any password or token."""
    hidden = _SECRET.sub(rf"\g<1>{_HIDDEN}", uri)
    password = _password(uri)
    if password is None:
        return hidden
    parts = urlsplit(hidden)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{_HIDDEN}@{host}"))


def scrub(text: str, uri: str) -> str:
    """A message, in one line, from which the store's password has been taken out."""
    password = _password(uri)
    secrets = [uri] if password is None else [uri, password, unquote(password)]
    for secret in secrets:
        text = text.replace(secret, redact(uri) if secret == uri else _HIDDEN)
    return " ".join(_SECRET.sub(rf"\g<1>{_HIDDEN}", text).split())


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite URI that `resolve_uri` made, or None for any other store."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _password(uri: str) -> str | None:
    """The password in the URI as it is written there; None if there is none."""
    credentials, at, _ = urlsplit(uri).netloc.rpartition("@")
    return credentials.partition(":")[2] or None if at else None

"""The user's own source that came with a model: importing it beside whatever else is imported."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from searchlab.errors import PackageError

_LOCK = threading.RLock()
_LOADED: dict[str, PackagedCode] = {}


class PackagedCode:
    """The modules of one package, imported once, however often the package is loaded.

    Two packages may have modules of one name with another content, as when `my_models.py` was
    changed between two studies. So the modules stand in `sys.modules` while their model is
    loaded or used; afterwards what stood there before is back.
    """

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self._modules = modules

    @classmethod
    def load(cls, directory: Path) -> PackagedCode:
        """Imports all modules of a package's `code/`. This runs them.

        Raises:
            PackageError: if one of them cannot be imported.
        """
        files = {_name(file, directory): file for file in sorted(directory.rglob("*.py"))}
        digest = hashlib.sha256()
        for name, file in files.items():
            digest.update(f"{name}\0".encode() + file.read_bytes() + b"\0")
        key = digest.hexdigest()
        with _LOCK:
            if key not in _LOADED:
                _LOADED[key] = cls(_imported(list(files), directory))
            return _LOADED[key]

    @property
    def objects(self) -> dict[str, Any]:
        """The classes and functions of the modules by the names that Keras knows them by."""
        import keras

        found: dict[str, Any] = {}
        for name, module in self._modules.items():
            for own in vars(module).values():
                if (inspect.isclass(own) or inspect.isfunction(own)) and own.__module__ == name:
                    found[own.__name__] = found[keras.saving.get_registered_name(own)] = own
        return found

    @contextmanager
    def active(self) -> Iterator[None]:
        """Lets the modules be imported by name; other packages' code waits for the end."""
        if not self._modules:
            yield
            return
        with _LOCK, _standing_in(list(self._modules)):
            sys.modules.update(self._modules)
            yield


def _name(file: Path, directory: Path) -> str:
    parts = file.relative_to(directory).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(names: list[str], directory: Path) -> dict[str, ModuleType]:
    import keras

    if not names:
        return {}
    registered = keras.saving.get_custom_objects()
    before, writes = dict(registered), sys.dont_write_bytecode
    with _standing_in(names):
        sys.path.insert(0, str(directory))
        sys.dont_write_bytecode = True  # a package stays as it is
        importlib.invalidate_caches()
        try:
            return {name: importlib.import_module(name) for name in names}
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise PackageError(
                f"the code of the model in {directory} cannot be imported ({why}): install what "
                "it needs; model.json beside it names the versions"
            ) from error
        finally:
            sys.dont_write_bytecode = writes
            sys.path.remove(str(directory))
            registered.update(before)  # a class of this name that the program has itself


@contextmanager
def _standing_in(names: list[str]) -> Iterator[None]:
    """Takes modules of these names, and those below them, out of the way for a while."""
    tops = {name.partition(".")[0] for name in names}
    hidden = {each: sys.modules.pop(each) for each in list(sys.modules) if _top(each) in tops}
    try:
        yield
    finally:
        if hidden:
            for each in list(sys.modules):
                if _top(each) in {_top(name) for name in hidden}:
                    del sys.modules[each]
            sys.modules.update(hidden)


def _top(name: str) -> str:
    return name.partition(".")[0]

"""Loading the Keras model of a package, with the user's own source that came with it.

That source is imported beside whatever else is imported: a training has a factory of its own, in
whose project there may be modules of the same names.
"""

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
from searchlab.package.manifest import Manifest
from searchlab.package.write import CODE, model_file

_LOCK = threading.RLock()
_LOADED: dict[str, PackagedCode] = {}


def load_keras(
    package: Path, manifest: Manifest, *, compiled: bool = True
) -> tuple[Any, PackagedCode]:
    """Loads a package's Keras model, in Keras' safe mode. This runs the code in `code/`.

    Args:
        package: has the model, and the user's own source if there is any.
        manifest: the package's.
        compiled: whether the model gets its loss, metrics and optimiser.

    Returns:
        The model, and the code, which has to be active while the model is used.

    Raises:
        PackageError: if it cannot be loaded.
    """
    import keras

    code = PackagedCode.load(package / CODE)
    file = model_file(package)
    try:
        with code.active():
            model = keras.saving.load_model(
                file, custom_objects=code.objects, compile=compiled, safe_mode=True
            )
    except Exception as error:  # whatever a foreign class does when it is rebuilt
        why = " ".join(f"{type(error).__name__}: {error}".split())[:400]
        raise PackageError(
            f"{file}: the model cannot be loaded ({why}); it was made with keras "
            f"{manifest.versions.get('keras')}; a class of your own needs a get_config from which "
            "Keras can make it again"
        ) from error
    return model, code


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

    def stay(self) -> None:
        """Leaves in `sys.modules` what is in nobody's way, for users of the Keras model."""
        taken = {_top(name) for name in sys.modules}
        free = {name: each for name, each in self._modules.items() if _top(name) not in taken}
        sys.modules.update(free)

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
            for name in names:
                importlib.import_module(name)
            tops = {_top(name) for name in names}
            return {name: each for name, each in sys.modules.items() if _top(name) in tops}
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
    tops = {_top(name) for name in names}

    def taken_out() -> dict[str, ModuleType]:
        return {each: sys.modules.pop(each) for each in list(sys.modules) if _top(each) in tops}

    hidden = taken_out()
    try:
        yield
    finally:
        taken_out()
        sys.modules.update(hidden)


def _top(name: str) -> str:
    return name.partition(".")[0]

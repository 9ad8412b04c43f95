"""Loading of a package's Keras model and the user's source code that came with it.

That source is isolated from other imports: a training has a factory of its own, whose project may
contain modules of the same names.
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
    """Load a package's Keras model in Keras' safe mode. This executes the code in `code/`.

    Args:
        package: the package's directory.
        manifest: the package's manifest.
        compiled: whether to restore the loss, metrics and optimizer.

    Returns:
        The model, and its code, which must be active while the model is used.

    Raises:
        PackageError: if the model cannot be loaded.
    """
    import keras

    code = PackagedCode.load(package / CODE)
    file = model_file(package)
    try:
        with code.active():
            model = keras.saving.load_model(
                file, custom_objects=code.objects, compile=compiled, safe_mode=True
            )
    except Exception as error:  # a user's class can raise anything
        raise PackageError(
            f"{file}: the model cannot be loaded: {_why(error, manifest)}"
        ) from error
    return model, code


def _why(error: Exception, manifest: Manifest) -> str:
    """Return why Keras cannot load a model, and the remedy."""
    from searchlab.private.keras import innermost, tells_of_lambda

    why = innermost(" ".join(str(error).split()))
    if tells_of_lambda(why):
        return (
            "Keras loads no lambda from a file, so give the function a name (def), and run the "
            "study again under another name"
        )
    return (
        f"{type(error).__name__}: {why[:400]}; it was made with keras "
        f"{manifest.versions.get('keras')}; a custom class needs a get_config from which Keras can "
        "rebuild it"
    )


class PackagedCode:
    """The modules of one package, imported only once however often the package is loaded.

    Two packages may have modules of the same name but different content, as when `my_models.py`
    changed between two studies. So the modules are in `sys.modules` only while their model is
    loaded or used; afterwards the previous ones are restored.
    """

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self._modules = modules

    @classmethod
    def load(cls, directory: Path) -> PackagedCode:
        """Import all modules of a package's `code/`. This executes them.

        Raises:
            PackageError: if a module cannot be imported.
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
    def names(self) -> frozenset[str]:
        """The names of the modules."""
        return frozenset(self._modules)

    @property
    def objects(self) -> dict[str, Any]:
        """The modules' classes and functions by plain name and by registered Keras name."""
        import keras

        found: dict[str, Any] = {}
        for name, module in self._modules.items():
            for own in vars(module).values():
                if (inspect.isclass(own) or inspect.isfunction(own)) and own.__module__ == name:
                    found[own.__name__] = found[keras.saving.get_registered_name(own)] = own
        return found

    def stay(self) -> None:
        """Add the modules whose names are free to `sys.modules`, for users of the Keras model."""
        taken = {_top(name) for name in sys.modules}
        free = {name: each for name, each in self._modules.items() if _top(name) not in taken}
        sys.modules.update(free)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the modules importable by name; block other packages' code meanwhile."""
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
        sys.dont_write_bytecode = True  # do not write into the package
        importlib.invalidate_caches()
        try:
            for name in names:
                importlib.import_module(name)
            tops = {_top(name) for name in names}
            return {name: each for name, each in sys.modules.items() if _top(name) in tops}
        except Exception as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise PackageError(
                f"{directory}: the model's code cannot be imported ({why}): install what it needs; "
                "model.json beside it lists the versions"
            ) from error
        finally:
            sys.dont_write_bytecode = writes
            sys.path.remove(str(directory))
            registered.update(before)  # keep the program's own classes


@contextmanager
def _standing_in(names: list[str]) -> Iterator[None]:
    """Hide modules of these names, and their siblings and submodules, for the block."""
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

"""The public names of a library's objects."""

import sys


def exported(library: str, thing: object) -> list[str]:
    """Return the public names of an object in a library's imported modules."""
    names = [name for name in sys.modules if name.split(".")[0] == library]
    public = [
        name for name in names if not any(p == "src" or p.startswith("_") for p in name.split("."))
    ]
    return [
        f"{module}.{name}"
        for module in public
        for name, value in vars(sys.modules[module]).copy().items()
        if value is thing and not name.startswith("_")
    ]

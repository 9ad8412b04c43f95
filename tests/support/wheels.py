"""Installing a source tree as pip does, without a network and without pip."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path


def install(source: Path, site: Path) -> None:
    """Build the wheel of a source tree with its own build backend, and unpack it into `site`."""
    build = "import sys, setuptools.build_meta as backend; backend.build_wheel(sys.argv[1])"
    wheels = source / "wheels"
    wheels.mkdir()
    command = [sys.executable, "-c", build, wheels]
    result = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    [wheel] = wheels.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)

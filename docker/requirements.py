"""Print the image's requirements: searchlab's dependencies and its extras `ray` and `server`.

usage: python docker/requirements.py cpu|gpu

The x86-64 wheel `tensorflow` contains CUDA kernels: 1.2 GB that only a GPU needs.
`tensorflow-cpu` omits them; on other machines `tensorflow` contains none.
"""

import sys
import tomllib
from pathlib import Path

EXTRAS = {"cpu": ("ray", "server"), "gpu": ("ray", "server", "gpu")}
ON_X86 = 'platform_machine == "x86_64"'

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
kind = sys.argv[1]
lines = list(project["dependencies"])
for extra in EXTRAS[kind]:
    lines += project["optional-dependencies"][extra]
for line in lines:
    if kind == "cpu" and line.startswith("tensorflow>"):
        print(line.replace("tensorflow", "tensorflow-cpu", 1), ON_X86, sep="; ")
        print(line, ON_X86.replace("==", "!="), sep="; ")
    else:
        print(line)

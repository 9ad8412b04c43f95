"""The command line: parse, call, print."""

from searchlab.cli import cluster, models, running, studies  # they add their commands
from searchlab.cli.program import cli, main

__all__ = ["cli", "cluster", "main", "models", "running", "studies"]

"""The command line: parses, calls, prints."""

from searchlab.cli import models, running, studies  # they add their commands
from searchlab.cli.program import cli, main

__all__ = ["cli", "main", "models", "running", "studies"]

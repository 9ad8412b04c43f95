"""`python -m searchlab`: the command line."""

from searchlab.cli import main

main()

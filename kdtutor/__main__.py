"""`python -m kdtutor` is the command `kdtutor`."""

from kdtutor.cli import main

main()

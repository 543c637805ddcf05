"""Whether grading holds: known mistakes, mutants, a drill for the sandbox, and how fast it is."""

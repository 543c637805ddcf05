"""kdtutor: model compression taught by building it.

`distill`, `prune`, `quantize` and `reduce` hold the reference methods, `data`, `models`, `training` and `measure`
what an experiment needs, `checks` what a learner's work is held against. Importing this package imports none of
them, so that a command answers before torch is loaded.
"""

__version__ = "0.1.0"

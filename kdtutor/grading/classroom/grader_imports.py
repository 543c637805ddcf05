"""All that a grader imports, in the process that graders fork from."""

import gc

from kdtutor.grading.classroom.quick_imports import quick_imports

with quick_imports():
    import kdtutor.grading.grade  # noqa: F401
gc.freeze()  # what all graders share stays shared

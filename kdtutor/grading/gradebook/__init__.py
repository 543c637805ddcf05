"""nbgrader's gradebook, its one writer, and what plugs into nbgrader."""

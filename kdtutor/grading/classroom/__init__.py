"""A whole class at once: processes or a cluster, what is unchanged is kept, and the command's table."""

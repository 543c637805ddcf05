"""The signed record of a graded submission, and the course's key."""

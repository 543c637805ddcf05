"""The instructor's book: what a unit's own source, checks and results say to whoever teaches it."""

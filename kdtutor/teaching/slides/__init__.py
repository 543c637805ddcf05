"""A unit as slides: its own structure cut where a class would pause, shown by reveal.js without a network."""

"""What an instructor takes to class: a unit as slides, and the instructor's book."""

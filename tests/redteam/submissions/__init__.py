"""What learners hand in: hostile, broken and unusual notebooks of unit 01, by family, and what each deserves."""

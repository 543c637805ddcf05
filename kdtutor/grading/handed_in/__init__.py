"""What came back from learners: found, read, and rebuilt on the notebook that was handed out."""

"""What is read: a learner's feedback and the class's report, as pages in which nothing can act."""

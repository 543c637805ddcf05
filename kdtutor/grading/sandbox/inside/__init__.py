"""What runs on the far side: the warm parent, the keeper beside each learner's process, and how that is confined.

Nothing here imports the rest of kdtutor: these files are copied into the folder that a learner's process can read.
"""

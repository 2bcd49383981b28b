"""What is seen in a frame: a face, its quality, life, expression and embedding.

Stages run in that order and only when the earlier one passed. Everything here runs on one thread,
is deterministic, stores nothing and knows no person: the gallery is asked through a callable.
"""

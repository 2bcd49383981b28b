"""What stands in for the world: a bank today, people before the camera later.

Nothing in the real terminal depends on this package; it is started beside it, as a process.
"""

"""The sub-words of `smiletill enrol` that have a file of their own.

`enrollment.cli` hangs them in and hands them, as the context's object, the way to reach faces.
"""

"""The words of the command line, one module a word or word group.

Each module is a composition root: it may import any room, builds what its word needs, and is
found by `kiosk.cli` through the entry-point group `smiletill.commands`.
Nothing else in the house imports from here, except that `enrollment.cli` shares `common`.
"""

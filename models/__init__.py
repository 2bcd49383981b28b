"""Model packs: what they are, where they come from, and how they are checked.

Importing this package loads no model and opens no file.
"""

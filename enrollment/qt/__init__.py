"""The staff tool's window: Widgets for forms and tables, at a desk, with touch, mouse and keys.

The only place of the staff tool with PySide6 and matplotlib. It holds no rule that is worth a test
without it (`enrollment.model` does), and it never shows, asks for or receives a picture of a face.
"""

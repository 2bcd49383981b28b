"""The screen: the only place of the kiosk with PySide6.

It knows the rules and the messages, and nothing that sees, stores or pays: eyes, camera and money
are handed to it as `Looker` and `Cashier` by `kiosk.faces.terminal`.
"""

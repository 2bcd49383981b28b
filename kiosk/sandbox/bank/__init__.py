"""A bank of its own, in a process of its own, with a ledger that can be asked what it executed.

It shares no code with the connector that talks to it, so that no mistake is made on
both sides at once.
"""

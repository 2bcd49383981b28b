"""What the staff tool's window knows, without a window: what was typed, which step, who may what.

Nothing here imports Qt, opens a connection or draws; every rule can be tested in microseconds.
"""

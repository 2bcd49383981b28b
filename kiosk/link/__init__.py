"""The messages between the processes, and the unix sockets that carry them.

Nothing else passes between faces, money and the staff tool.
"""

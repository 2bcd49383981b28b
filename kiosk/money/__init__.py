"""The process that moves money: it has a network and never sees a face.

It alone owns the journal, the mandates, the bank's secrets, the limits and the PIN verifier.
"""

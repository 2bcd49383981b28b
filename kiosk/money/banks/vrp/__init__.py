"""The connector to UK Open Banking banks: VRP v4.0 and commercial VRP.

It shares no code with the sandbox bank and uses another JOSE library, so that no mistake can be
made on both sides at once.
"""

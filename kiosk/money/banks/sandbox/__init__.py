"""The connector to the sandbox bank; it shares no code with the bank itself."""

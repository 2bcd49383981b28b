"""The staff tool: people become payers here, and stop being payers here.

It is a client of the kiosk. It holds no key, opens no vault, sees no template.
"""

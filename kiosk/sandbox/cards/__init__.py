"""The sandbox for cards on file: a payment service as a process of its own, moving no real money.

It has the public shape of Stripe's interface for off-session payments and shares no code with the
connector.
"""

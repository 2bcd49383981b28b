"""Pure rules, standard library only: no clock, no disk, no network, no randomness.

Everything here decides; everything outside does.
`session.step` and `payment.step` take a state and an event and return a new state with effects.
"""

"""Simulated attackers, and genuine customers under the same light: sessions drawn from a seed.

A regression test of the kiosk's checks and not an error rate: who drew the attacks also set the
checks, and no real attacker is like them. Nothing of the sample photograph is written anywhere.

`stage` says what the kiosk does and how its light falls; one module a family of attacks; `species`
lists them.
"""

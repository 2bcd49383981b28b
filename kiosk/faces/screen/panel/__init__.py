"""The demo's side panel: the simulated camera, a tiny till and a guided story, beside the kiosk.

A window and a process of its own: the kiosk's window stays without a single camera pixel.
It shows simulated people only; with a real camera there is no such panel.
"""

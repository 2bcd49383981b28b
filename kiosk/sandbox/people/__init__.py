"""Simulated people before a simulated camera: customers who move, and one who holds up a photo.

They are drawn at run time from a sample photograph that a dependency ships. Nothing of it is
written anywhere: not to the repository, not to the disk, not to a log.
The frames are for trying the kiosk out. They say nothing about how it does on real people.
"""

"""Where frames come from: one port, and an adapter each for devices, video files and folders.

Nothing here looks for faces; nothing is opened before a camera is entered as a context manager.
"""

"""The process that sees faces: camera, vision, vault, desk and screen.

It has no network: everything it says to the outside goes through `kiosk.link` over a unix socket.
Nothing here imports `kiosk.money`, and no picture, embedding or name leaves this process.
"""

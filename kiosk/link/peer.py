"""Who is at the other end of a connection, as far as the server can tell.

A `Peer` is the `Hello` that was said, with what the kernel vouches for: services that only need the
role take it as a `Hello`. It never travels.
"""

from __future__ import annotations

from kiosk.link.protocol import Hello

UID_UNKNOWN = -1


class Peer(Hello, frozen=True, tag="hello"):
    """One connected peer.

    `uid` is the user it runs as, by SO_PEERCRED. `connection` numbers the connections of this
    process, so that a service can remember something about one.
    """

    uid: int = UID_UNKNOWN
    connection: int = 0

    @classmethod
    def of(cls, hello: Hello, *, uid: int, connection: int) -> Peer:
        """Add what the server knows to what the peer said."""
        return cls(
            hello.protocol,
            hello.role,
            hello.camera,
            hello.sandbox_only,
            uid=uid,
            connection=connection,
        )

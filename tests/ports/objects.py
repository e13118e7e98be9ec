"""Objects and changes, as the tests of the ports need them."""

from __future__ import annotations

import hashlib

from pullprod_control_plane.ports import StoredObject


def announce(key: str, body: bytes) -> StoredObject:
    return StoredObject(key, len(body), hashlib.sha256(body).hexdigest(), "text/plain", "no-store")

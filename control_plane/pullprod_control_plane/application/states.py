"""States of a stored segment, as the ledger keeps them.

uploading → complete; either may be condemned by prune, and is then restored by a publish that needs it, or
deleted. Nothing is built upon a segment that is being deleted: a publish takes another name for its files.
"""

from __future__ import annotations

UPLOADING = "uploading"
COMPLETE = "complete"
CONDEMNED = "condemned"
DELETING = "deleting"

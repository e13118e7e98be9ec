"""States of a stored segment, as the ledger keeps them.

uploading → complete; either may be condemned by prune, and is then restored by a publish that needs it, or
deleted. Nothing is built upon a segment that is being deleted, or was within a day: a publish takes another name
for its files, so that a prune which is slower than another one cannot delete what was published since.
"""

from __future__ import annotations

UPLOADING = "uploading"
COMPLETE = "complete"
CONDEMNED = "condemned"
DELETING = "deleting"
DELETED = "deleted"

"""Where things stand in the ledger: one function per kind of item, nowhere else."""

from __future__ import annotations

from ..ports import Key

APPS = "apps"
HOSTS = "hosts"
LOCKS = "locks"
TOKENS = "tokens"
RUN_TOKENS = "run-tokens"
RECEIPTS = "receipts"
PROOFS = "proofs"
PENDING = "pending"
SETBACKS = "setbacks"
HOLD_ENDS = "hold-ends"

OF_RECONCILER = Key("reconciler", "state")
OF_FIRST_ADMIN = Key("meta", "first-admin")

VERSION = "version#"
POINTER = "pointer#"
SEGMENT = "segment#"
COMMIT_IN_ID = 12


def of_app(app: str) -> Key:
    """Return the key of an app's configuration."""
    return Key(APPS, app)


def of_host(host: str) -> Key:
    """Return the key of the claim on a custom host."""
    return Key(HOSTS, host)


def of_lock(app: str) -> Key:
    """Return the key of the lock of an app's previews."""
    return Key(LOCKS, app)


def contents(app: str) -> str:
    """Return the partition of an app's versions, pointers and segments."""
    return f"app#{app}"


def of_version(app: str, version: str) -> Key:
    """Return the key of a version."""
    return Key(contents(app), VERSION + version)


def of_pointer(app: str, pointer: str) -> Key:
    """Return the key of a pointer."""
    return Key(contents(app), POINTER + pointer)


def digest_of(segment: Key) -> str:
    """Return the digest of the segment that a key is of."""
    return segment.sort.removeprefix(SEGMENT)


def of_segment(app: str, digest: str) -> Key:
    """Return the key of a segment."""
    return Key(contents(app), SEGMENT + digest)


def of_lineage(app: str, commit: str) -> Key:
    """Return the key of a commit's recorded ancestors; a version's id begins with its commit, and may stand for it."""
    return Key(f"app#{app}#lineage", commit[:COMMIT_IN_ID])


def timeline(app: str) -> str:
    """Return the partition that lists an app's versions by the time of their first publish."""
    return f"app#{app}#timeline"


def branch(app: str, name: str) -> str:
    """Return the partition that lists the versions published from a branch, by time."""
    return f"app#{app}#branch#{name}"


def tag(app: str, name: str) -> str:
    """Return the partition that lists the versions whose commit bore a tag, by time."""
    return f"app#{app}#tag#{name}"


def of_entry(partition: str, begun_at: str, version: str) -> Key:
    """Return the key under which one of these partitions lists a version."""
    return Key(partition, f"{begun_at}#{version}")


def history(app: str, pointer: str) -> str:
    """Return the partition of a pointer's swaps; template.yaml lets no role update or delete an item of `history#…`."""
    return f"history#{app}#{pointer}"


def of_swap(app: str, pointer: str, generation: int) -> Key:
    """Return the key of one swap; zero-padded, so that the order of keys is the order of generations."""
    return Key(history(app, pointer), f"{generation:010d}")


def begun(app: str) -> str:
    """Return the partition of notes about manifests that are stored before their version is recorded, by time."""
    return f"app#{app}#begun"


def of_begun(app: str, version: str, begun_at: str) -> Key:
    """Return the key of one such note."""
    return Key(begun(app), f"{begun_at}#{version}")


def of_pending_swap(app: str, pointer: str, generation: int) -> Key:
    """Return the key of the note that a swap is not yet shown."""
    return Key(PENDING, f"swap#{app}#{pointer}#{generation:010d}")


def of_pending_version(app: str, version: str) -> Key:
    """Return the key of the note that a version is being prepared."""
    return Key(PENDING, f"version#{app}#{version}")


def of_pending_withdrawal(app: str, version: str) -> Key:
    """Return the key of the note that a version was revoked, and what follows from that may not be done yet."""
    return Key(PENDING, f"revoked#{app}#{version}")


def of_pending_branch(app: str, version: str, branch: str) -> Key:
    """Return the key of the note that another branch waits for a version."""
    return Key(PENDING, f"branch#{app}#{version}#{branch}")


def of_pending_prune(app: str) -> Key:
    """Return the key of the note that an app is being pruned."""
    return Key(PENDING, f"prune#{app}")


def of_pending_missed(app: str, pointer: str) -> Key:
    """Return the key of the note that a pointer may have missed versions of its branch while it was held."""
    return Key(PENDING, f"missed#{app}#{pointer}")


def of_hold_end(until: str, app: str, pointer: str) -> Key:
    """Return the key under which the end of a hold is listed; the order of keys is the order of ends."""
    return Key(HOLD_ENDS, f"{until}#{app}#{pointer}")


def of_pending_hosts(app: str) -> Key:
    """Return the key of the note that an app's hosts are being moved."""
    return Key(PENDING, f"hosts#{app}")


def of_pending_lock(app: str) -> Key:
    """Return the key of the note that the edge does not yet ask for what an app's lock takes."""
    return Key(PENDING, f"lock#{app}")


def of_pending_name(host: str) -> Key:
    """Return the key of the note that a host's name is on its way here, or away."""
    return Key(PENDING, f"name#{host}")


def of_setback(note: str) -> Key:
    """Return the key of what went wrong with a note, by the note's own place under `pending`."""
    return Key(SETBACKS, note)


def of_token(token: str) -> Key:
    """Return the key of a token's record, by its id."""
    return Key(TOKENS, token)


def of_run_token(token: str) -> Key:
    """Return the key of the record of a workflow run's token, by its id."""
    return Key(RUN_TOKENS, token)


def of_proof(issuer: str, jti: str) -> Key:
    """Return the key under which an identity token is noted as used."""
    return Key(PROOFS, f"{issuer}#{jti}")


def of_receipt(principal: str, key: str) -> Key:
    """Return the key of what was done under an idempotency key; each principal has its own."""
    return Key(RECEIPTS, f"{principal}#{key}")


def manifest_object(app: str, version: str, begun_at: str) -> str:
    """Return the store's key of a version's manifest; one that is published again after a prune has another."""
    return f"{app}/m/{version}/{begun_at}.json"

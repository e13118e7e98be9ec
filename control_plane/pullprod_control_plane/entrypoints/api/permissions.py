"""What each route of the API takes. A route that stands in neither list is not found by anybody."""

from __future__ import annotations

from collections.abc import Mapping

from ...domain.roles import Call

# What strangers may call. The exchange judges what it is shown by itself.
PUBLIC = frozenset({"GET /v1/health", "GET /v1/openapi.json", "POST /v1/token"})

NEEDED: Mapping[str, Call] = {
    "GET /v1/apps": Call.LOOK,
    "GET /v1/apps/{app}": Call.LOOK,
    "PUT /v1/apps/{app}": Call.CONFIGURE,
    "GET /v1/apps/{app}/previews": Call.LOOK,
    "PUT /v1/apps/{app}/previews": Call.CONFIGURE,
    "POST /v1/apps/{app}/shares": Call.SHARE,
    "POST /v1/apps/{app}/prune": Call.LOOK,  # To be told what would go. To remove it takes Call.PRUNE.
    "GET /v1/apps/{app}/audit": Call.LOOK,
    "POST /v1/apps/{app}/trust/explain": Call.LOOK,
    "POST /v1/apps/{app}/versions": Call.PUBLISH,
    "POST /v1/apps/{app}/versions/{version}/uploads": Call.PUBLISH,
    "POST /v1/apps/{app}/versions/{version}/finalize": Call.PUBLISH,
    "GET /v1/apps/{app}/versions": Call.LOOK,
    "GET /v1/apps/{app}/versions/{ref}": Call.LOOK,
    "GET /v1/apps/{app}/versions/{ref}/manifest": Call.LOOK,
    "DELETE /v1/apps/{app}/versions/{ref}": Call.REVOKE,
    "GET /v1/apps/{app}/diff": Call.LOOK,
    "GET /v1/apps/{app}/pointers": Call.LOOK,
    "GET /v1/apps/{app}/pointers/{name}": Call.LOOK,
    "POST /v1/apps/{app}/pointers/{name}/plan": Call.LOOK,
    "PUT /v1/apps/{app}/pointers/{name}": Call.MOVE,  # With `hold` among what is forced, Call.OVERRIDE_HOLD, too.
    "POST /v1/apps/{app}/pointers/{name}/rollback": Call.MOVE,  # Likewise.
    "PUT /v1/apps/{app}/pointers/{name}/hold": Call.HOLD,  # Somebody else's hold takes Call.OVERRIDE_HOLD.
    "DELETE /v1/apps/{app}/pointers/{name}/hold": Call.HOLD,  # Likewise.
    "GET /v1/apps/{app}/pointers/{name}/history": Call.LOOK,
    "GET /v1/tokens": Call.TOKENS,
    "POST /v1/tokens": Call.TOKENS,
    "POST /v1/tokens/{token_id}/rotate": Call.TOKENS,
    "DELETE /v1/tokens/{token_id}": Call.TOKENS,
}

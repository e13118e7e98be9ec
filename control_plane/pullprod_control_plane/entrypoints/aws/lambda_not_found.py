"""The function of pages that are not there; template.yaml names it."""

from __future__ import annotations

import os

from ... import bootstrap
from .not_found import NotFound

handler = NotFound(bootstrap.files(), os.environ["PULLPROD_BUCKET"])

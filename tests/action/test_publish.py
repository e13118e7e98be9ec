"""Publishing from a workflow, and what people see of it."""

from __future__ import annotations

from tests.support.api import Api
from tests.support.client import git
from tests.support.runner import Job


def test_a_push_becomes_a_version_with_the_identity_of_its_run(job: Job, admin: Api, app: str) -> None:
    done = job.run()

    assert done.code == 0, done.log
    version = admin.ok("GET", f"/v1/apps/{app}/versions/{done.outputs['version']}")
    assert version["published_by"].startswith("workflow:acme/shop run")
    assert version["commit"] == git(job.workspace, "rev-parse", "HEAD")
    assert done.lines[-1] == f"{version['id']} is ready: {version['url']}"

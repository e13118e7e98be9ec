"""The main job on AWS, as far as that is possible without an account: the stack of template.yaml, in MiniStack.

`sam build` and `sam deploy` do what they do on AWS; the API's real function is called through its HTTP API, under the
policies of its role. What viewers see is what edge/*.js make of the records in the key-value store (viewer.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from http import HTTPStatus
from pathlib import Path

from scripts import demo, demo_site, emulators
from scripts.stack import NAME, Stack, environment

SAM = demo.ROOT / ".tools/sam/bin/sam"
FUNCTION = """
[functions.api]
directory = "build/api"
handler = "app.handler"
runtime = "python3.13"
routes = ["/api/*"]
"""
APP = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "Assam, Darjeeling, Sencha"}
"""


def sam(url: str, *arguments: str) -> None:
    """Run a command of the SAM CLI against MiniStack, for functions that run on this machine's own Python."""
    print(f"{demo.DIM}$ sam {' '.join(arguments)}{demo.END}", flush=True)
    mine = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = {**mine, **environment(url), "SAM_CLI_TELEMETRY": "0", "PULLPROD_LAMBDA_PLATFORM": "native"}
    done = subprocess.run([SAM, *arguments], cwd=demo.ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}")


def deploy(url: str) -> Stack:
    """Build and deploy the stack."""
    sam(url, "build")
    sam(url, "deploy", "--stack-name", NAME, "--no-confirm-changeset", "--no-progressbar")
    stack = Stack(url)
    stack.let_policies_be_evaluated()
    print(f"{len(stack.outputs)} outputs, among them Url {stack.outputs['Url']}, here {stack.api_url}")
    return stack


def tell_of_functions(shop: demo.Shop, repository: Path, stack: Stack) -> None:
    """Publish a version with a function, and point production at it."""
    demo.step("7. A version with a function: it runs in Lambda, and production calls it from the swap on.")
    (repository / "build/api").mkdir(parents=True)
    (repository / "build/api/app.py").write_text(APP)
    (repository / "pullprod.toml").write_text(demo_site.CONFIG + FUNCTION)
    commit = demo_site.commit(repository, "Offer teas by a function")
    shop.json("publish", "--branch", "main")
    viewer = stack.viewer()
    before = viewer.get("production--shop.example.com", "/api/teas.txt")
    shop.run("point", "production", commit[:12], "--reason", "an API at last")
    after = viewer.get("production--shop.example.com", "/api/teas.txt")
    if (
        before.status != HTTPStatus.NOT_FOUND
        or b"Not here" not in before.body
        or after.body != b"Assam, Darjeeling, Sencha"
    ):
        raise SystemExit(f"/api/teas.txt answered {before.status}, then {after.status}: {after.body!r}")
    print(f"  production answered /api/teas.txt by its 404 page before, and now by “{after.body.decode()}”")


def tell_of_hosts(shop: demo.Shop, stack: Stack) -> None:
    """Give production the distribution's own name."""
    demo.step("8. Production answers at the distribution's own host, too; the reconciler has nothing left to do.")
    host = stack.outputs["Host"]
    shop.run("api", "PUT", "/v1/apps/shop", "--data", f'{{"hosts": {{"production": ["{host}"]}}}}', quiet=True)
    page = stack.viewer().get(host, accept="text/html")
    if page.status != HTTPStatus.OK or b"Fine teas, shipped free" not in page.body:
        raise SystemExit(f"{host} answers {page.status}: {page.body!r}")
    print(f"  {host} shows “Fine teas, shipped free”")
    print(f"  reconciler: {stack.invoke_reconciler({})}")
    shop.run("audit")


def main() -> None:
    """Run the demo; MiniStack allows what the policies allow, and nothing else."""
    place = demo.ROOT / ".demo-aws"
    shutil.rmtree(place, ignore_errors=True)
    # Without a preview domain nobody could ask health paths.
    commits = demo_site.make(place / "shop", demo_site.CONFIG)
    with emulators.running(emulators.MINISTACK, AUTH="true") as url:
        stack = deploy(url)
        token = stack.invoke_reconciler({"command": "first-admin"})["token"]
        viewer = stack.viewer()

        def page(name: str) -> str:
            return viewer.get(f"{name}--shop.example.com", accept="text/html").body.decode()

        shop = demo.Shop(place / "shop", stack.api_url, token, page)
        try:
            demo.tell(shop, commits)
            tell_of_functions(shop, place / "shop", stack)
            tell_of_hosts(shop, stack)
        except SystemExit:
            print(stack.log("ApiLog")[-4_000:])
            raise
    print("\nAll steps were verified.")


if __name__ == "__main__":
    main()

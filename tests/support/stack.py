"""The stack of template.yaml in a MiniStack of its own, deployed by CloudFormation, as often as a test likes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import WaiterError

from scripts import lambda_package
from scripts.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = (ROOT / "template.yaml").read_text()
_BUCKET = "artifacts"


def package(directory: Path) -> bytes:
    """Return the functions' zip, for this machine's processor and Python."""
    lambda_package.build(directory / "package", native=True)
    return zipped(directory / "package", directory / "package.zip")


def zipped(directory: Path, target: Path) -> bytes:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as made:
        for path in directory.rglob("*"):
            made.write(path, path.relative_to(directory))
    return target.read_bytes()


def with_another_file(code: bytes) -> bytes:
    """Return the functions' zip with one more file, as a newer release would have."""
    changed = io.BytesIO(code)
    with zipfile.ZipFile(changed, "a") as made:
        made.writestr("another.txt", "newer")
    return changed.getvalue()


def deploy(stack: Stack, template: str, code: bytes, name: str, **parameters: str) -> None:
    """Create or update the stack as `sam deploy` does: by a change set, with the code in a bucket under `name`."""
    files, formation = stack.client("s3"), stack.client("cloudformation")
    if _BUCKET not in {bucket["Name"] for bucket in files.list_buckets()["Buckets"]}:
        files.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    files.put_object(Bucket=_BUCKET, Key=f"{name}.zip", Body=code)
    assert template.count("CodeUri: .") == 1
    files.put_object(
        Bucket=_BUCKET, Key="template.yaml", Body=template.replace("CodeUri: .", f"CodeUri: s3://{_BUCKET}/{name}.zip")
    )
    kind = "UPDATE" if _exists(formation, stack.name) else "CREATE"
    formation.create_change_set(
        StackName=stack.name,
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateURL=f"https://s3.eu-west-1.amazonaws.com/{_BUCKET}/template.yaml",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    made = {"StackName": stack.name, "ChangeSetName": name}
    formation.get_waiter("change_set_create_complete").wait(**made, WaiterConfig=_soon())
    formation.execute_change_set(**made)
    try:
        formation.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName=stack.name, WaiterConfig=_soon())
    except WaiterError as failed:
        raise AssertionError(_failures(formation, stack.name)) from failed
    stack.let_policies_be_evaluated()


def _soon() -> dict[str, int]:
    return {"Delay": 1, "MaxAttempts": 60}


def _exists(formation: Any, name: str) -> bool:
    return any(found["StackName"] == name for found in formation.describe_stacks()["Stacks"])


def _failures(formation: Any, name: str) -> list[str]:
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if "FAIL" in event["ResourceStatus"]]
    return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed]

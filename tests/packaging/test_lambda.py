"""What goes to Lambda, and the template that says so."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

import pytest

from pullprod_control_plane.adapters.aws import route53_names
from scripts import edge_in_template, lambda_package

ROOT = Path(__file__).resolve().parents[2]
MAX_ZIPPED = 20_000_000
ARM64 = 183  # EM_AARCH64 of the ELF header.
PYTHON = re.compile(r"\.(abi3|cpython-313-aarch64-linux-gnu)\.so$")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package")
    lambda_package.build(target, native=False)
    return target


def test_the_package_has_less_than_20_mb_zipped(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "package.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in package.rglob("*"):
            zipped.write(path, path.relative_to(package))
    assert (tmp_path / "package.zip").stat().st_size < MAX_ZIPPED


def test_every_binary_in_the_package_is_for_lambdas_processor_and_python(package: Path) -> None:
    binaries = list(package.rglob("*.so"))
    assert binaries
    assert {struct.unpack_from("<H", path.read_bytes(), 18)[0] for path in binaries} == {ARM64}
    assert [path.name for path in binaries if not PYTHON.search(path.name)] == []


def test_the_package_has_the_models_of_every_service_that_is_called_and_no_other(package: Path) -> None:
    services = {path.name for path in (package / "botocore/data").iterdir() if path.is_dir()}
    called = {"acm", "cloudfront", "cloudfront-keyvaluestore", "dynamodb", "lambda", "route53", "s3"}
    assert services == called


def test_the_template_has_the_code_of_the_edge() -> None:
    template = (ROOT / "template.yaml").read_text()
    assert edge_in_template.written(template) == template


def test_the_template_lets_the_control_plane_change_the_records_that_lead_viewers_and_no_others() -> None:
    template = (ROOT / "template.yaml").read_text()
    [types] = re.findall(r'"route53:ChangeResourceRecordSetsRecordTypes": \[([A-Z, ]+)\]', template)
    assert set(types.split(", ")) == route53_names.LEADING
    assert template.count("route53:ChangeResourceRecordSets\n") == 1, "only under that condition"

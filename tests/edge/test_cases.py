"""edge/cases.json, which every runner of the functions must satisfy."""

from pathlib import Path

import pytest

from scripts.edge_in_template import written
from tests.edge.runners import EDGE, FUNCTIONS, Case, Outcome, check, in_njs, in_quickjs, load_cases, timed

CASES = load_cases()
NAMES = [case["name"] for case in CASES]
CLOUDFRONT_CODE_LIMIT = 10_240
KEY_VALUE_LIMIT = 1_024

by_name = pytest.mark.parametrize("case", CASES, ids=NAMES)


@pytest.fixture(scope="module")
def njs_outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Case, Outcome]]:
    ran = [timed(case) for case in CASES]
    outcomes = in_njs(ran, tmp_path_factory.mktemp("njs"))
    return dict(zip(NAMES, zip(ran, outcomes, strict=True), strict=True))


@by_name
def test_quickjs_does_as_the_case_says(case: Case) -> None:
    now = timed(case)
    check(now, in_quickjs(now))


@by_name
def test_njs_does_as_the_case_says(case: Case, njs_outcomes: dict[str, tuple[Case, Outcome]]) -> None:
    check(*njs_outcomes[case["name"]])


def test_no_two_cases_share_a_name() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 60


def test_the_records_of_the_cases_fit_the_key_value_store() -> None:
    sizes = {key: len(text.encode()) for case in map(timed, CASES) for key, text in case["records"].items()}
    assert max(sizes.values()) <= KEY_VALUE_LIMIT


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.name)
def test_a_function_fits_what_cloudfront_accepts(path: Path) -> None:
    assert len(path.read_bytes()) < CLOUDFRONT_CODE_LIMIT


def test_the_template_has_the_functions_as_they_are() -> None:
    template = (EDGE.parent / "template.yaml").read_text(encoding="utf-8")
    assert template == written(template), "run scripts/edge_in_template.py"


def test_the_request_function_begins_with_its_import() -> None:
    request, response = (path.read_text(encoding="utf-8") for path in FUNCTIONS)
    assert request.startswith("import cf from 'cloudfront';\nimport crypto from 'crypto';\n")
    assert "cloudfront'" not in response

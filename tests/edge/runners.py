"""Two engines for the same cases: QuickJS, which the local edge embeds, and njs, the nearest thing to CloudFront's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pullprod_control_plane.adapters.local.edge_runtime import EdgeFunctionError, EdgeRuntime, edge_directory

EDGE = edge_directory()
FUNCTIONS = (EDGE / "viewer_request.js", EDGE / "viewer_response.js")
Case: TypeAlias = dict[str, Any]
Outcome: TypeAlias = dict[str, Any]

SITE = {
    "createRequestOriginGroup": {
        "originIds": [{"originId": "site"}, {"originId": "not-found"}],
        "failoverCriteria": {"statusCodes": [403, 404]},
    }
}


def _function(host: str) -> dict[str, Any]:
    access = {"enabled": True, "signingBehavior": "always", "signingProtocol": "sigv4", "originType": "lambda"}
    return {
        "updateRequestOrigin": {
            "domainName": host,
            "originAccessControlConfig": access,
            "customOriginConfig": {"port": 443, "protocol": "https", "sslProtocols": ["TLSv1.2"]},
            "timeouts": {"readTimeout": 60},
        }
    }


# The records arrive as text, as the key-value store has them, and a key that is not there makes get() throw.
_NJS_CLOUDFRONT = """
let records = {};
let origin = null;
async function get(key, options) {
    if (!Object.prototype.hasOwnProperty.call(records, key)) {
        throw new Error('KeyNotFound');
    }
    return options.format === 'json' ? JSON.parse(records[key]) : records[key];
}
async function exists(key) {
    return Object.prototype.hasOwnProperty.call(records, key);
}
export default {
    kvs: function () { return { get: get, exists: exists }; },
    updateRequestOrigin: function (parameters) { origin = { updateRequestOrigin: parameters }; },
    createRequestOriginGroup: function (parameters) { origin = { createRequestOriginGroup: parameters }; },
    use: function (all) { records = all; origin = null; },
    chosen: function () { return origin; },
};
"""

_NJS_DRIVER = """
import fs from 'fs';
import cf from 'cloudfront';
import viewerRequest from 'viewer_request.js';
import viewerResponse from 'viewer_response.js';

async function main() {
    const jobs = JSON.parse(fs.readFileSync(JOBS, 'utf8'));
    const outcomes = [];
    for (let i = 0; i < jobs.length; i++) {
        cf.use(jobs[i].records);
        const event = jobs[i].event;
        const raw = event.request.rawQueryString;
        event.request.rawQueryString = function () { return raw; };
        const handler = event.response ? viewerResponse : viewerRequest;
        try {
            const outcome = await handler(event);
            if (cf.chosen()) { outcome.origin = cf.chosen(); }
            outcomes.push(outcome);
        } catch (error) {
            outcomes.push({ thrown: String(error) });
        }
    }
    fs.writeFileSync(OUTCOMES, JSON.stringify(outcomes));
}
main();
"""


def load_cases() -> list[Case]:
    """Return every case with the records that it runs on, as text."""
    document = json.loads((EDGE / "cases.json").read_text(encoding="utf-8"))
    for case in document["cases"]:
        case["records"] = stored({**document["records"], **case.get("records", {})})
    return list(document["cases"])


def stored(records: Mapping[str, Any]) -> dict[str, str]:
    """Return records as the key-value store has them."""
    present = {key: value for key, value in records.items() if value is not None}
    return {
        key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for key, value in present.items()
    }


def timed(case: Case) -> Case:
    """Return a case that is about to run, with the times that it names; `now` is when that was."""
    now = int(time.time())
    text = re.sub(r"\{now([+-][0-9]+)\}", lambda match: str(now + int(match[1])), json.dumps(case))
    return {**json.loads(_signed(text)), "now": now}


def _signed(text: str) -> str:
    """Return a text with the signatures that it names."""
    return re.sub(r"\{sign ([^|{}]+)\|([^{}]*)\}", lambda match: sign(match[1], match[2]), text)


def sign(key: str, text: str) -> str:
    """Return the HMAC-SHA256 of a text in base64url."""
    made = hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def event(case: Case) -> dict[str, Any]:
    return {"version": "1.0", **{part: case[part] for part in ("request", "response") if part in case}}


def in_quickjs(case: Case) -> Outcome:
    runtime = EdgeRuntime(case["records"].get)
    try:
        return runtime.response(event(case)) if "response" in case else runtime.request(event(case))
    except EdgeFunctionError as error:
        return {"thrown": str(error)}


def in_njs(cases: Iterable[Case], directory: Path) -> list[Outcome]:
    """Return what the functions make of all cases, run by one njs process."""
    program = shutil.which("njs")
    assert program, "njs is missing: install the Debian package njs. It stands in for CloudFront's own engine."
    for source in FUNCTIONS:
        code = source.read_text(encoding="utf-8")
        (directory / source.name).write_text(f"{code}\nexport default handler;\n")
    (directory / "cloudfront").write_text(_NJS_CLOUDFRONT)
    jobs, outcomes, driver = (directory / name for name in ("jobs.json", "outcomes.json", "driver.js"))
    jobs.write_text(json.dumps([{"records": case["records"], "event": event(case)} for case in cases]))
    paths = f"const JOBS = {json.dumps(str(jobs))}, OUTCOMES = {json.dumps(str(outcomes))};\n"
    driver.write_text(_NJS_DRIVER.replace("\nasync function main", f"\n{paths}\nasync function main"))
    ran = subprocess.run([program, "-p", directory, driver], capture_output=True, text=True, timeout=60, check=False)
    assert outcomes.exists(), f"njs did not finish: {ran.stdout}{ran.stderr}"
    return list(json.loads(outcomes.read_text(encoding="utf-8")))


def check(case: Case, outcome: Outcome) -> None:
    """Fail unless `outcome` is what the case expects."""
    assert "thrown" not in outcome, outcome["thrown"]
    expected = case["expect"]
    assert outcome.get("statusCode") == expected.get("status"), outcome
    if "uri" in expected:
        assert outcome["uri"] == expected["uri"]
        assert outcome["origin"] == (_function(expected["origin"]) if "origin" in expected else SITE)
        sent = expected.get("querystring", case["request"]["querystring"])
        assert outcome["querystring"] == (sent if "origin" in expected else {})
    headers = {name: entry["value"] for name, entry in outcome["headers"].items()}
    assert {name: headers.get(name) for name in expected["headers"]} in _at_any_time(expected["headers"], case["now"])
    if "x-pullprod-route" in expected["headers"]:
        ours = {name for name in headers if name.startswith("x-pullprod-")}
        assert ours <= expected["headers"].keys(), "a header that nobody expects"
    if "cookies" in expected:
        cookies = outcome["cookies"]
        plain = cookies if "status" in expected else {name: entry["value"] for name, entry in cookies.items()}
        assert _without_now(plain, case["now"]) == expected["cookies"]
    if "body" in expected:
        assert outcome["body"] == {"encoding": "text", "data": expected["body"]}


def _at_any_time(expected: Any, now: int) -> list[Any]:
    """Return what is expected, for each second of the minute in which the case ran."""
    text = json.dumps(expected)
    return [json.loads(_signed(text.replace("{now}", str(now + seconds)))) for seconds in range(60)]


def _without_now(cookies: Any, now: int) -> Any:
    """Return cookies with {now} for the time at which the case ran, and {left} for what depends on it."""
    recent = "|".join(str(now + seconds) for seconds in range(60))
    text = re.sub(rf"\b(?:{recent})\b", "{now}", json.dumps(cookies))
    return json.loads(re.sub(r"Max-Age=\d+", "Max-Age={left}", text))

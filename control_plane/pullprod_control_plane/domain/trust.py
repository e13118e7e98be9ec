"""Trust policies: which workflows an app trusts, and with what. Nothing is granted that no rule names.

A repository is recognised by its id and its owner's, never by name or `sub`: names can be taken by others after a
rename, and `sub` comes in several formats that repositories may change.
Source: https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from .errors import Forbidden, InvalidRequest
from .json import Json
from .names import check_pointer
from .roles import Role

# https://docs.github.com/actions/reference/security/oidc
GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
MAX_RULES = 50
MAX_PATTERNS = 20
_MAX_TEXT = 300
_ID = re.compile(r"[1-9][0-9]{0,18}")
_ISSUER = re.compile(r"https?://[!-~]{1,250}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_WORKFLOW = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}/[^@*\s]{1,200}(@\S{1,200})?")


class Use(Enum):
    """What is done with a claim of a token."""

    REQUIRED = "required"  # The verifier checks it: without it, or with a wrong value, there is no caller.
    COMPARED = "compared"  # A rule of the app's trust policy decides about it.
    IGNORED = "ignored"


# Every claim of a token that GitHub issues stands here once. What is ignored is so on purpose, for the reason given.
CLAIMS: Mapping[str, Use] = {
    "iss": Use.COMPARED,  # With the verifier's list, too. Ids of one GitHub mean nothing at another.
    "aud": Use.REQUIRED,
    "exp": Use.REQUIRED,
    "nbf": Use.REQUIRED,
    "iat": Use.REQUIRED,
    "jti": Use.REQUIRED,
    "repository_id": Use.COMPARED,
    "repository_owner_id": Use.COMPARED,
    "event_name": Use.COMPARED,
    "ref": Use.COMPARED,
    "environment": Use.COMPARED,
    "job_workflow_ref": Use.COMPARED,
    "sub": Use.IGNORED,  # Has several formats, and repositories may change it.
    "repository": Use.IGNORED,  # A name; somebody else may have it tomorrow. Recorded for people only.
    "repository_owner": Use.IGNORED,  # Likewise.
    "actor": Use.IGNORED,  # Whoever may start the workflow; GitHub decides about that. Recorded for people only.
    "actor_id": Use.IGNORED,  # Likewise.
    "workflow": Use.IGNORED,  # A title that anybody may give to any workflow.
    "workflow_ref": Use.IGNORED,  # The caller's workflow; the job that runs is the one of job_workflow_ref.
    "workflow_sha": Use.IGNORED,  # Likewise.
    "job_workflow_sha": Use.IGNORED,  # Pins a commit of a workflow; a rule may pin its ref.
    "head_ref": Use.IGNORED,  # A fork chooses it.
    "base_ref": Use.IGNORED,  # Says where a pull request wants to go, not where it comes from.
    "ref_type": Use.IGNORED,  # Follows from ref.
    "ref_protected": Use.IGNORED,  # Says that some protection exists, not which.
    "sha": Use.IGNORED,  # The version's own manifest names its commit.
    "repository_visibility": Use.IGNORED,  # Does not say who may write.
    "runner_environment": Use.IGNORED,  # Teams run their own runners, too.
    "run_id": Use.IGNORED,  # Recorded, to find the run.
    "run_number": Use.IGNORED,
    "run_attempt": Use.IGNORED,
    "check_run_id": Use.IGNORED,
    "environment_node_id": Use.IGNORED,  # The environment's name is compared, within one repository id.
    "enterprise": Use.IGNORED,  # The repository's id is narrower.
    "enterprise_id": Use.IGNORED,
}

# They run with the base repository's identity on what a stranger may have sent.
REFUSED_EVENTS = frozenset({"pull_request_target", "workflow_run", "issue_comment"})
DEFAULT_EVENTS = ("push", "pull_request", "workflow_dispatch", "repository_dispatch", "schedule")
DEFAULT_REFS = ("refs/heads/*",)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of workflow run that an app trusts, and what such a run may do.

    `refs` are patterns in which `*` stands for any characters. `environment` and `workflow` (as in
    `org/repo/.github/workflows/release.yml`, with or without `@ref`) are None where any will do. `repository` is
    its name when the rule was made, for people. `pointers` are those that may be moved; a publisher needs none.
    `issuer` is the GitHub that knows the repository by these ids.
    """

    repository: str
    repository_id: str
    repository_owner_id: str
    role: Role
    pointers: tuple[str, ...] = ()
    events: tuple[str, ...] = DEFAULT_EVENTS
    refs: tuple[str, ...] = DEFAULT_REFS
    environment: str | None = None
    workflow: str | None = None
    issuer: str = GITHUB_ISSUER


@dataclass(frozen=True, slots=True)
class Grant:
    """What a workflow run may do: the strongest role that a rule gives it, and the pointers that go with it."""

    role: Role
    pointers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A claim that keeps a rule from admitting a run: what the rule wants, and what the token says (None: nothing)."""

    claim: str
    expected: str
    found: str | None


def check_rules(rules: Sequence[Rule]) -> None:
    """Raise InvalidRequest for the first thing in the rules that cannot be meant."""
    if len(rules) > MAX_RULES:
        raise _bad(f"has {len(rules)} rules; at most {MAX_RULES} are taken")
    for rule in rules:
        _check_repository(rule)
        _check_reach(rule)


def _check_repository(rule: Rule) -> None:
    if not (_ID.fullmatch(rule.repository_id) and _ID.fullmatch(rule.repository_owner_id)):
        raise _bad("names repositories and owners by their numeric ids, as `gh api repos/OWNER/NAME` shows them")
    if not _REPOSITORY.fullmatch(rule.repository):
        raise _bad(f"has the repository {rule.repository[:80]!r}, which is not like owner/name")
    if not _ISSUER.fullmatch(rule.issuer):
        raise _bad(f"has the issuer {rule.issuer[:80]!r}, which is no address")
    if rule.workflow is not None and not _WORKFLOW.fullmatch(rule.workflow):
        raise _bad(f"has the workflow {rule.workflow[:80]!r}, which is not like owner/name/.github/workflows/file.yml")


def _check_reach(rule: Rule) -> None:
    for texts, what in ((rule.events, "events"), (rule.refs, "refs")):
        if not 0 < len(texts) <= MAX_PATTERNS or not all(0 < len(text) <= _MAX_TEXT for text in texts):
            raise _bad(f"needs 1 to {MAX_PATTERNS} {what} of 1 to {_MAX_TEXT} characters")
    if refused := sorted(REFUSED_EVENTS & set(rule.events)):
        raise _bad(f"cannot trust {refused[0]}: it runs what strangers send with the repository's own identity")
    for pointer in rule.pointers:
        check_pointer(pointer)
    if rule.role is Role.RELEASER and not rule.pointers:
        raise _bad("names the pointers that a releaser may move")


def _bad(what: str) -> InvalidRequest:
    return InvalidRequest(f"A trust policy {what}.", where="trust")


def mismatches(rule: Rule, claims: Mapping[str, str]) -> list[Mismatch]:
    """Return what keeps `rule` from admitting a run with these verified claims; nothing if it admits it."""
    wanted = {
        "iss": rule.issuer,
        "repository_id": rule.repository_id,
        "repository_owner_id": rule.repository_owner_id,
        "event_name": " or ".join(rule.events),
        "ref": " or ".join(rule.refs),
        "environment": rule.environment,
        "job_workflow_ref": rule.workflow,
    }
    return [
        Mismatch(claim, expected, claims.get(claim))
        for claim, expected in wanted.items()
        if expected is not None and not _fits(rule, claim, expected, claims.get(claim, ""))
    ]


def _fits(rule: Rule, claim: str, expected: str, found: str) -> bool:
    if claim == "event_name":
        return found in rule.events and found not in REFUSED_EVENTS
    if claim == "ref":
        return any(_matches(pattern, found) for pattern in rule.refs)
    if claim == "job_workflow_ref":
        return expected in {found, found.partition("@")[0]}
    return found == expected


def _matches(pattern: str, text: str) -> bool:
    """Tell whether a text fits a pattern, in one pass: a regular expression would go back again and again."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *inner, last = rest
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last) and len(first) <= end):
        return False
    at = len(first)
    for part in inner:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def of_repository(rules: Sequence[Rule], claims: Mapping[str, str]) -> list[Rule]:
    """Return the rules that name the repository of a run: what others say is nothing to tell its people."""
    own = (claims.get("repository_id"), claims.get("repository_owner_id"))
    return [rule for rule in rules if (rule.repository_id, rule.repository_owner_id) == own]


def evidence(claims: Mapping[str, str]) -> dict[str, str]:
    """Return those claims on which a grant rests."""
    return {name: claims[name] for name, use in CLAIMS.items() if use is Use.COMPARED and name in claims}


def grant(rules: Sequence[Rule], claims: Mapping[str, str]) -> Grant:
    """Return what the rules that admit a run give it together.

    Raises:
        Forbidden: no rule admits it; the facts tell for the nearest rule which claims differ, and the rule that would.
    """
    admitting = [rule for rule in rules if not mismatches(rule, claims)]
    if not admitting:
        raise _refusal(rules, claims)
    strongest = max((rule.role for rule in admitting), key=list(Role).index)
    named = (pointer for rule in admitting if rule.role is strongest for pointer in rule.pointers)
    return Grant(strongest, tuple(dict.fromkeys(named)))


def check_branch(claims: Mapping[str, str], branch: str | None, followed: Collection[str]) -> None:
    """Raise Forbidden if a run publishes as a branch that configured pointers follow, and is of another ref.

    The manifest says which branch a version is of, and whoever builds it may write there what they like.
    """
    if branch in followed and claims.get("ref") != f"refs/heads/{branch}":
        raise Forbidden(
            f"Pointers follow {branch}, so only its own runs publish as it: this one is of "
            f"{claims.get('ref', '')[:200]!r}.",
            claim="ref",
        )


def admitting_rule(claims: Mapping[str, str]) -> Rule | None:
    """Return the narrowest rule of a publisher that would admit a run; None if no rule can."""
    rule = Rule(
        repository=claims.get("repository", ""),
        repository_id=claims.get("repository_id", ""),
        repository_owner_id=claims.get("repository_owner_id", ""),
        role=Role.PUBLISHER,
        events=(claims.get("event_name", ""),),
        refs=(claims.get("ref", ""),),
        environment=claims.get("environment"),
        issuer=claims.get("iss", ""),
    )
    try:
        check_rules([rule])
    except InvalidRequest:
        return None
    return rule


def _refusal(rules: Sequence[Rule], claims: Mapping[str, str]) -> Forbidden:
    if claims.get("event_name") in REFUSED_EVENTS:
        return Forbidden(
            f"The event {claims['event_name']} is never trusted: it runs what strangers send with the repository's "
            "own identity. Publish from push or pull_request.",
            claim="event_name",
        )
    would = _line(admitting_rule(claims))
    if not rules:
        return Forbidden("No rule names this repository: `pullprod app trust add OWNER/NAME`.", would_admit=would)
    nearest = min((mismatches(rule, claims) for rule in rules), key=len)
    first = nearest[0]
    return Forbidden(
        f"No rule admits this run. The nearest wants {first.claim} to be {first.expected!r}, and the token says "
        f"{(first.found or 'nothing')[:200]!r}.",
        claim=first.claim,
        mismatches=[{"claim": m.claim, "expected": m.expected, "found": m.found} for m in nearest],
        would_admit=would,
    )


def _line(rule: Rule | None) -> Json:
    if rule is None:
        return None
    return {
        "repository": rule.repository,
        "repository_id": rule.repository_id,
        "repository_owner_id": rule.repository_owner_id,
        "events": list(rule.events),
        "refs": list(rule.refs),
        "environment": rule.environment,
        "issuer": rule.issuer,
    }

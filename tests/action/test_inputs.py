"""What a workflow may ask for: every input, and every way to mistype one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from pullprod.errors import UsageError
from pullprod.runner.inputs import COMMANDS, read
from tests.support.runner import ACTION, Job

NEEDED = {
    "point": {"version": "abc1234", "reason": "launch"},
    "plan": {"version": "abc1234"},
    "rollback": {"reason": "too warm"},
    "hold": {"reason": "until Monday"},
}


def given(job: Job, **inputs: str) -> dict[str, object]:
    return asdict(read(job.environment(inputs)))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path, tmp_path / "temp", {"url": "https://pullprod.example.com/"})


def test_what_is_not_given_has_the_default_that_action_yml_tells(job: Job) -> None:
    assert given(job) == {
        "command": "publish",
        "url": "https://pullprod.example.com",
        **dict.fromkeys(("app", "path", "config", "version", "reason", "follow", "github_token")),
        "pointer": "production",
        "comment": True,
        "github_deployment": False,
        "status": "pullprod/production",
        "fail_untrusted": False,
    }


@pytest.mark.parametrize(
    ("name", "value", "read_as"),
    [
        ("url", "https://other.example.com", "https://other.example.com"),
        ("app", " shop ", "shop"),
        ("path", "dist", Path("dist")),
        ("config", "web/pullprod.toml", Path("web/pullprod.toml")),
        ("pointer", "next", "next"),
        ("version", "branch:main", "branch:main"),
        ("reason", "it: `says`\nwhy", "it: `says`\nwhy"),
        ("follow", "next", "next"),
        ("comment", "never", False),
        ("github-deployment", "true", True),
        ("github-token", "ghs_x", "ghs_x"),
        ("status", " pullprod/production/shop: ☃ ", "pullprod/production/shop: ☃"),
        ("status", "", None),
        ("status", "x" * 255, "x" * 255),
        ("on-untrusted", "fail", True),
    ],
)
def test_every_input_arrives(job: Job, name: str, value: str, read_as: object) -> None:
    field = {"on-untrusted": "fail_untrusted"}.get(name, name.replace("-", "_"))
    assert given(job, **{name: value})[field] == read_as


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_taken_with_what_it_needs(job: Job, command: str) -> None:
    assert given(job, command=command, **NEEDED.get(command, {}))["command"] == command


def test_the_commands_are_those_that_action_yml_names() -> None:
    told = ACTION["inputs"]["command"]["description"]
    assert [word for word in COMMANDS if word in told] == list(COMMANDS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("command", "publsh"),
        ("command", "Publish"),
        ("comment", "true"),
        ("comment", "nevr"),
        ("github-deployment", "yes"),
        ("github-deployment", "True"),
        ("on-untrusted", "skipp"),
    ],
)
def test_a_mistyped_choice_is_an_error_that_lists_the_choices(job: Job, name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"input {name} is '{value}'; expected is one of "):
        given(job, **{name: value})


@pytest.mark.parametrize(
    ("command", "missing"),
    [("point", "version"), ("point", "reason"), ("plan", "version"), ("rollback", "reason"), ("hold", "reason")],
)
def test_what_a_command_needs_is_asked_for(job: Job, command: str, missing: str) -> None:
    with pytest.raises(UsageError, match=f"The command {command} needs the input {missing}"):
        given(job, command=command, **{**NEEDED[command], missing: " "})


def test_follow_goes_with_publish_only(job: Job) -> None:
    with pytest.raises(UsageError, match="follow goes with the command publish"):
        given(job, command="status", follow="next")


@pytest.mark.parametrize("name", ["x" * 256, "one\ntwo", "a\x1b[31mb"])
def test_a_status_that_github_would_not_take_is_an_error(job: Job, name: str) -> None:
    with pytest.raises(UsageError, match="The input status names a commit status: give one line of at most 255"):
        given(job, status=name)


@pytest.mark.parametrize("url", ["", "pullprod.example.com", "https://user:word@pullprod.example.com", "https://x/?y"])
def test_an_address_that_is_none_is_an_error_that_does_not_repeat_it(job: Job, url: str) -> None:
    with pytest.raises(UsageError, match=r"like https://pullprod\.example\.com") as caught:
        given(job, url=url)
    assert "word" not in str(caught.value)


def test_a_token_is_not_sent_in_the_clear(job: Job) -> None:
    with pytest.raises(UsageError, match="Use https"):
        given(job, url="http://pullprod.example.com")


def test_a_token_of_two_words_is_refused_before_it_is_sent(job: Job) -> None:
    job.environ["PULLPROD_TOKEN"] = "pp_one pp_two"
    done = job.run(app="shop", path=".")
    assert "The token has characters that no token has" in done.error
    assert "pp_two" not in done.error


def test_an_app_or_directory_that_nothing_names_is_asked_for(job: Job) -> None:
    assert "Give the input app" in job.run().error
    job.environ["PULLPROD_TOKEN"] = "pp_x"
    assert "Which directory?" in job.run(app="shop").error

from __future__ import annotations

from pathlib import Path

import pytest

from pullprod.config import Project, app_name, connection, load_project
from pullprod.errors import UsageError
from tests.support.client import Faulty, Shell, problem, write


def said(call: object) -> str:
    assert callable(call)
    with pytest.raises(UsageError) as caught:
        call()
    return str(caught.value)


def user_file(tmp_path: Path, text: str) -> dict[str, str]:
    (tmp_path / "xdg" / "pullprod").mkdir(parents=True)
    (tmp_path / "xdg" / "pullprod" / "config.toml").write_text(text)
    return {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}


def test_a_file_that_uses_everything_is_read(tmp_path: Path) -> None:
    (tmp_path / "pullprod.toml").write_text(
        'app = "shop"\nurl = "https://p.example.com"\n[site]\ndirectory = "dist"\nclean_urls = "html"\nspa = true\n'
        '[health]\npaths = ["/", "/about/"]\n'
    )
    (tmp_path / "deep" / "er").mkdir(parents=True)
    found = load_project(tmp_path / "deep" / "er")
    assert (found.root, found.app, found.url) == (tmp_path, "shop", "https://p.example.com")
    assert (found.site.directory, found.site.clean_urls, found.site.spa) == ("dist", "html", True)
    assert found.health == ("/", "/about/")


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_project(tmp_path) == Project(tmp_path)


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ('ap = "x"', "ap ", "known here: app, url"),
        ("app = 1", "app ", "a text"),
        ('app = ""', "app ", "a text"),
        ("url = []", "url ", "a text"),
        ('site = "dist"', "site ", "a table"),
        ('[site]\ndir = "x"', "site.dir ", "clean_urls, directory, spa"),
        ("[site]\ndirectory = 1", "site.directory ", "the name of a directory"),
        ("[site]\nspa = 1", "site.spa ", "true or false"),
        ("[site]\nspa = 'yes'", "site.spa ", "true or false"),
        ('[site]\nclean_urls = "no"', "site.clean_urls ", "one of directory, html, off"),
        ("[site]\nclean_urls = [1]", "site.clean_urls ", "one of directory, html, off"),
        ('[health]\npaths = "/"', "health.paths ", "a list"),
        ("[health]\npaths = [1]", "health.paths ", "start with '/'"),
        ('[health]\npaths = ["about"]', "health.paths ", "start with '/'"),
        (f"[health]\npaths = {['/'] * 11}", "health.paths ", "at most 10"),
        ('[nonsense]\nx = "y"', "nonsense ", "known here"),
        ('token = "pp_x"', "token ", "known here: app, url"),
        ('"" = 1', "is not known", "known here"),
        ("app = \n", "cannot be read", "line 1"),
        ("a = 1\na = 2\n", "cannot be read", "line 2"),
    ],
)
def test_what_is_not_understood_is_told_with_file_key_and_expectation(
    tmp_path: Path, text: str, key: str, expected: str
) -> None:
    (tmp_path / "pullprod.toml").write_text(text)
    sentence = said(lambda: load_project(tmp_path))
    assert str(tmp_path / "pullprod.toml") in sentence
    assert key in sentence
    assert expected in sentence
    assert "\n" not in sentence


def test_a_file_that_is_not_utf_8_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "pullprod.toml").write_bytes(b'app = "\xe9"')
    assert "pullprod.toml cannot be read" in said(lambda: load_project(tmp_path))


def test_a_missing_directory_is_told_with_file_and_key(shell: Shell) -> None:
    (shell.directory / "pullprod.toml").write_text('[site]\ndirectory = "nowhere"\n')
    sentence = shell.error("publish", expect=2)
    assert "pullprod.toml: site.directory: " in sentence
    assert "nowhere is not a directory" in sentence


def test_no_directory_at_all_says_where_to_name_it(shell: Shell) -> None:
    assert "[site]" in shell.error("publish", expect=2)


def test_flag_before_environment_before_project_before_user_file(tmp_path: Path) -> None:
    environ = user_file(tmp_path, 'url = "https://user.example"\napp = "user"\n')
    project, bare = Project(tmp_path, app="project", url="https://project.example"), Project(tmp_path)
    named = {**environ, "PULLPROD_URL": "https://env.example", "PULLPROD_APP": "env"}
    assert connection(project, "https://flag.example", named).url == "https://flag.example"
    assert connection(project, None, named).url == "https://env.example"
    assert connection(project, None, environ).url == "https://project.example"
    assert connection(bare, None, environ).url == "https://user.example"
    apps = [app_name(*given) for given in ((project, "flag", named), (project, None, named), (project, None, environ))]
    assert [*apps, app_name(bare, None, environ)] == ["flag", "env", "project", "user"]


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    own = user_file(tmp_path, 'token = "pp_user"\nurl = "https://user.example"')
    environ = {**own, "PULLPROD_TOKEN": "", "PULLPROD_URL": ""}
    found = connection(Project(tmp_path), None, environ)
    assert (found.url, found.token) == ("https://user.example", "pp_user")


def test_the_token_of_the_environment_comes_before_the_users(tmp_path: Path) -> None:
    environ = {**user_file(tmp_path, 'token = "pp_user"'), "PULLPROD_TOKEN": "pp_env"}
    assert connection(Project(tmp_path), "https://p.example", environ).token == "pp_env"


def test_a_repository_gets_no_token_of_which_the_user_did_not_say_where_it_goes(tmp_path: Path) -> None:
    environ = user_file(tmp_path, 'token = "pp_secret"')
    found = connection(Project(tmp_path, url="https://evil.example"), None, environ)
    assert (found.token, found.withheld) == (None, True)
    assert connection(Project(tmp_path), "https://mine.example", environ).token == "pp_secret"


def test_a_repository_cannot_send_the_users_token_elsewhere(tmp_path: Path) -> None:
    environ = user_file(tmp_path, 'url = "https://mine.example"\ntoken = "pp_secret"')
    hostile, own = Project(tmp_path, url="https://evil.example"), Project(tmp_path, url="https://mine.example/")
    found = connection(hostile, None, environ)
    assert (found.token, found.withheld) == (None, True)
    assert connection(hostile, None, {**environ, "PULLPROD_TOKEN": "pp_meant"}).token == "pp_meant"
    assert connection(hostile, "https://evil.example", environ).token == "pp_secret"
    assert connection(own, None, environ).token == "pp_secret"


def test_a_withheld_token_is_told_and_not_sent(shell: Shell, broken: Faulty) -> None:
    config = shell.directory.parent / ".config" / "pullprod" / "config.toml"
    write(config.parent, {config.name: 'url = "https://mine.example"\ntoken = "pp_secret"\n'})
    (shell.directory / "pullprod.toml").write_text(f'url = "{broken.url}"\n')
    del shell.environ["PULLPROD_URL"], shell.environ["PULLPROD_TOKEN"]
    broken.usual = problem(401, "unauthenticated")
    assert "set PULLPROD_TOKEN" in shell.run("versions", expect=4).stderr
    assert "authorization" not in broken.seen[0].headers


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1", "http://127.0.0.1", "http://[::1]:8787", "http://api.localhost:1", "https://p.example/base"],
)
def test_addresses_that_are_taken(tmp_path: Path, url: str) -> None:
    assert connection(Project(tmp_path), url + "/", {"HOME": str(tmp_path)}).url == url


@pytest.mark.parametrize(
    "url", ["http://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com", "http://0.0.0.0"]
)
def test_http_is_refused_off_loopback(tmp_path: Path, url: str) -> None:
    assert "in the clear" in said(lambda: connection(Project(tmp_path), url, {}))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "example.com",
        "https://",
        "http://[::1",
        "https://h:99999",
        "https://h:x",
        "https://h?q",
        "https://h#f",
        "http://evil.example\\.localhost",
    ],
)
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    assert "address" in said(lambda: connection(Project(tmp_path), url, {}))


@pytest.mark.parametrize("url", ["https://me:hunter2@h", "https://me:hunter2@[::1"])
def test_a_password_in_an_address_is_not_repeated(tmp_path: Path, url: str) -> None:
    assert "hunter2" not in said(lambda: connection(Project(tmp_path), url, {}))


def test_a_token_may_end_in_a_line_break_as_secrets_do(tmp_path: Path) -> None:
    assert connection(Project(tmp_path), "https://h", {"PULLPROD_TOKEN": "pp_x\n"}).token == "pp_x"


@pytest.mark.parametrize("token", ["pp_a\nb", "pp_é", "pp a", "pp_\x00"])
def test_a_token_that_no_header_carries_is_refused_without_showing_it(tmp_path: Path, token: str) -> None:
    sentence = said(lambda: connection(Project(tmp_path), "https://h", {"PULLPROD_TOKEN": token}))
    assert token not in sentence


def test_a_connection_shows_its_token_to_nobody(tmp_path: Path) -> None:
    assert "pp_x" not in repr(connection(Project(tmp_path), "https://h", {"PULLPROD_TOKEN": "pp_x"}))

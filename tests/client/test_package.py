from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pullprod.errors import UsageError
from pullprod.package import package, walk
from pullprod.package.types import content_type
from tests.support.client import Shell, write
from tests.support.server import Server


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write(tmp_path / "dist", {"index.html": "hello", "css/a.css": "p{}"})


def paths(site: Path) -> list[str]:
    return [file.path for file in package(site)]


def refused(site: Path) -> str:
    with pytest.raises(UsageError) as caught:
        package(site)
    return str(caught.value)


def test_files_are_described_by_path_size_digest_and_type(site: Path) -> None:
    found = {file.path: (file.size, file.sha256, file.type) for file in package(site)}
    assert found["index.html"] == (5, hashlib.sha256(b"hello").hexdigest(), "text/html; charset=utf-8")


def test_an_empty_file_is_a_file(site: Path) -> None:
    (site / "empty.txt").touch()
    assert {file.path: file.size for file in package(site)}["empty.txt"] == 0


def test_files_larger_than_one_chunk_have_the_digest_of_all_of_it(site: Path) -> None:
    content = bytes(range(256)) * 10_000
    (site / "large.bin").write_bytes(content)
    assert {file.path: file.sha256 for file in package(site)}["large.bin"] == hashlib.sha256(content).hexdigest()


def test_the_order_is_that_of_the_paths_however_they_were_made(tmp_path: Path) -> None:
    names = ["b/x", "a.txt", "a/z", "a-b", "B", "é"]
    first, second = write(tmp_path / "1", dict.fromkeys(names, "")), tmp_path / "2"
    write(second, dict.fromkeys(reversed(names), ""))
    assert paths(first) == paths(second) == sorted(names)


def test_every_file_is_told_to_the_progress_bar(site: Path) -> None:
    told: list[int] = []
    package(site, told.append)
    assert sorted(told) == [3, 5]


def test_ignored_files_stay_out_and_negation_brings_back(site: Path) -> None:
    write(site, {"a.map": "", "keep.map": "", "drafts/x.html": "", "sub/drafts/y.html": "", "#x": ""})
    (site / ".pullprodignore").write_text("# comment\n*.map\n!keep.map\n/drafts/\n")
    assert paths(site) == ["#x", "css/a.css", "index.html", "keep.map", "sub/drafts/y.html"]


def test_the_repository_and_the_ignore_file_are_never_published(site: Path) -> None:
    write(site, {".git/config": "token", "sub/.git": "gitdir: x", ".well-known/a": ""})
    (site / ".pullprodignore").write_text("!.git\n!.git/**\n!.pullprodignore\n")
    assert paths(site) == [".well-known/a", "css/a.css", "index.html"]


@pytest.mark.parametrize("inside", [".git", ".git/objects", "current"])
def test_a_repositorys_own_data_is_refused_as_a_whole(site: Path, inside: str) -> None:
    write(site, {".git/objects/config": "token"})
    (site / "current").symlink_to(".git")
    assert "repository's own data" in refused(site / inside)


@pytest.mark.parametrize("target", [".git", ".git/objects"])
def test_a_link_to_a_directory_of_the_repositorys_own_data_is_named(site: Path, target: str) -> None:
    write(site, {".git/objects/config": "token"})
    (site / "out").symlink_to(target)
    assert "'out' is a link that leaves" in refused(site)


def test_what_is_hidden_or_configures_pullprod_stays_out_unless_it_is_asked_for(site: Path) -> None:
    write(
        site, {".env": "", "css/.npmrc": "", ".ssh/id": "", ".htaccess": "", "pullprod.toml": "", "a/pullprod.toml": ""}
    )
    write(site, {".well-known/security.txt": "", ".well-known/.secret": ""})
    kept = [".well-known/security.txt", "a/pullprod.toml", "css/a.css", "index.html"]
    assert paths(site) == kept
    (site / ".pullprodignore").write_text("!.htaccess\n!/pullprod.toml\n")
    assert paths(site) == sorted([*kept, ".htaccess", "pullprod.toml"])


def test_the_users_own_file_is_named_and_not_published(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(site / "config"))
    write(site, {"config/pullprod/config.toml": 'token = "pp_secret"', "other/config.toml": ""})
    assert "'config/pullprod/config.toml' may hold your token" in refused(site)


def test_the_data_of_a_server_is_named_and_not_published(shell: Shell, server: Server) -> None:
    write(server.data.parent, {"index.html": "x"})
    sentence = shell.error("publish", str(server.data.parent), expect=2)
    assert f"'{server.data.name}/' is the data of `pullprod serve`" in sentence


def test_a_link_cannot_carry_the_repositorys_own_data_out(site: Path) -> None:
    write(site, {".git/config": "token"})
    (site / "config.txt").symlink_to(".git/config")
    assert "'config.txt'" in refused(site)


def test_an_ignore_file_in_another_encoding_is_one_error(site: Path) -> None:
    (site / ".pullprodignore").write_bytes(b"\xff\xfe")
    assert ".pullprodignore" in refused(site)


def test_links_inside_the_directory_are_followed(site: Path) -> None:
    (site / "home.html").symlink_to("index.html")
    (site / "styles").symlink_to("css")
    assert paths(site) == ["css/a.css", "home.html", "index.html", "styles/a.css"]


def test_the_directory_itself_may_be_a_link(site: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(site)
    assert paths(tmp_path / "current") == ["css/a.css", "index.html"]


def test_an_ignored_link_that_leaves_is_no_problem(site: Path) -> None:
    (site / "out").symlink_to("/etc")
    (site / ".pullprodignore").write_text("out\n")
    assert paths(site) == ["css/a.css", "index.html"]


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "../secret.txt", "../dist-more"])
def test_a_link_that_leaves_the_directory_is_named(site: Path, target: str) -> None:
    write(site.parent, {"secret.txt": "", "dist-more/x": ""})
    (site / "css" / "out").symlink_to(Path("..") / target if target.startswith("..") else target)
    assert "'css/out' is a link that leaves the directory" in refused(site)


@pytest.mark.parametrize("target", ["self", "nothing-here"])
def test_a_link_to_nothing_or_itself_is_named(site: Path, target: str) -> None:
    (site / "self").symlink_to(target)
    assert "'self' cannot be read" in refused(site)


def test_a_link_to_a_directory_above_is_named(site: Path) -> None:
    (site / "css" / "up").symlink_to("..")
    assert "'css/up'" in refused(site)


def test_two_directories_that_link_to_each_other_are_named(site: Path) -> None:
    write(site, {"a/x": "", "b/x": ""})
    (site / "a" / "b").symlink_to("../b")
    (site / "b" / "a").symlink_to("../a")
    assert "'a/b/a'" in refused(site)


def test_a_pipe_is_named_and_not_read(site: Path) -> None:
    os.mkfifo(site / "pipe")
    assert "'pipe' is no regular file" in refused(site)


def test_a_socket_is_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        assert "'sock' is no regular file" in refused(site)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"new\nline", "control character"),
        (b"esc\x1b[2J", "control character"),
        (b"del\x7f", "control character"),
        ("c1\x9b".encode(), "control character"),
        ("line\u2028".encode(), "control character"),
        (b"back\\slash", "backslash"),
        (b"latin-\xe9", "not UTF-8"),
        ("e\u0301".encode(), "normal form C"),
    ],
)
def test_a_name_that_cannot_be_published_is_shown_safely(site: Path, name: bytes, why: str) -> None:
    Path(os.fsdecode(os.fsencode(site) + b"/" + name)).write_text("")
    said = refused(site)
    assert why in said
    assert said.isascii()
    assert said.isprintable()


def test_the_first_problem_is_named_and_the_others_counted(site: Path) -> None:
    write(site, {"a\\": "", "b\\": "", "c\\": ""})
    said = refused(site)
    assert "a\\" in said
    assert "2 more" in said


@pytest.mark.parametrize("problem", [b"a\nb", b"a\xff"])
def test_a_directory_with_such_a_name_is_refused_too(site: Path, problem: bytes) -> None:
    folder = Path(os.fsdecode(os.fsencode(site) + b"/" + problem))
    write(folder, {"x": ""})
    assert "cannot be published" in refused(site)


def test_a_path_may_have_900_bytes_and_no_more(site: Path) -> None:
    folder = "/".join(["d" * 200] * 4)
    write(site, {f"{folder}/{'x' * (900 - len(folder) - 1)}": ""})
    assert max(map(len, paths(site))) == 900
    write(site, {f"{folder}/{'é' * 49}xyz": ""})
    assert "more than 900 bytes" in refused(site)


def test_a_file_may_not_be_larger_than_one_upload(site: Path) -> None:
    with (site / "video.mp4").open("wb") as sparse:
        sparse.truncate(5 * 1024**3 + 1)
    assert "'video.mp4' is larger than 5 GB" in refused(site)


def test_more_files_than_a_version_may_have_are_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_FILES", 2)
    assert len(paths(site)) == 2
    (site / "one-more").touch()
    assert "more files than the 2" in refused(site)


def test_links_that_multiply_directories_are_stopped_early(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_FILES", 50)
    for level in range(40):
        write(site, {f"d{level}/x": ""})
        for name in "ab":
            (site / f"d{level}" / name).symlink_to(f"../d{level + 1}")
    write(site, {"d40/x": ""})
    assert "more files than the 50" in refused(site)


def test_links_that_multiply_empty_directories_are_stopped_early(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_ENTRIES", 200)
    for level in range(40):
        (site / f"d{level + 1}").mkdir()
        write(site, {f"d{level}/.hidden": ""})
        for name in "ab":
            (site / f"d{level}" / name).symlink_to(f"../d{level + 1}")
    assert "more than 200 files and directories" in refused(site)


def test_what_comes_after_too_many_files_is_not_looked_at(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_FILES", 2)
    (site / "z").mkdir()
    (site / "z" / "up").symlink_to("..")
    assert "'z/up'" in refused(site)
    (site / "one-more").touch()
    assert "more files than the 2" in refused(site)


def test_a_directory_with_too_many_entries_is_not_listed_to_its_end(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "MAX_ENTRIES", 10)
    listed: list[object] = []
    monkeypatch.setattr(walk, "_is_dir", listed.append)
    write(site, {f"{number}": "" for number in range(100)})
    assert "more than 10 files and directories" in refused(site)
    assert len(listed) == 11


def test_a_path_deeper_than_the_stack_is_one_error(site: Path) -> None:
    # What Python's own library has to make and remove directories is recursive as well.
    subprocess.run(["mkdir", "-p", str(site / "/".join("d" * 1_500))], check=True)
    assert "has a path of more than 900 bytes" in refused(site)
    subprocess.run(["rm", "-r", str(site)], check=True)


def test_a_directory_that_cannot_be_listed_is_named(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.scandir

    def scandir(directory: Path) -> Any:
        if directory.name == "css":  # Permissions do not stop whoever runs the tests as root.
            raise PermissionError(13, "Permission denied")
        return listed(directory)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "'css/' cannot be read: Permission denied" in refused(site)


@pytest.mark.parametrize("state", ["empty", "only ignored", "missing", "a file"])
def test_a_directory_without_files_says_to_build_first(tmp_path: Path, state: str) -> None:
    directory = tmp_path / "dist"
    if state == "a file":
        directory.touch()
    elif state != "missing":
        (directory / "sub").mkdir(parents=True)
    if state == "only ignored":
        write(directory, {".pullprodignore": "*", "x": ""})
    assert "Build the site first" in refused(directory)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.HTM", "text/html; charset=utf-8"),
        (".html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.min.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.js.map", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"),
        ("a.pdf", "application/pdf"),
        ("a.xml", "application/xml"),
        ("a.svg", "image/svg+xml"),
        ("a.avif", "image/avif"),
        ("a.webp", "image/webp"),
        ("a.ico", "image/x-icon"),
        ("a.woff2", "font/woff2"),
        ("a.ttf", "font/ttf"),
        ("a.mp4", "video/mp4"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.vtt", "text/vtt; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.gif", "image/gif"),
        ("a.webm", "video/webm"),
        ("a.mp3", "audio/mpeg"),
        ("a.m3u8", "application/vnd.apple.mpegurl"),
        ("a.woff", "font/woff"),
        ("a.otf", "font/otf"),
        ("a.rss", "application/rss+xml"),
        ("a.zip", "application/zip"),
        ("a.tar.gz", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        ("trailing.", "application/octet-stream"),
        ("data:text/x,evil", "application/octet-stream"),
        ("x.html/LICENSE", "application/octet-stream"),
        ("a.html?x.css", "text/css; charset=utf-8"),
    ],
)
def test_content_types(name: str, kind: str) -> None:
    assert content_type(name) == kind


def test_the_hosts_registry_has_no_say(tmp_path: Path) -> None:
    (tmp_path / "mime.types").write_text("application/evil html js unheardof\n")
    program = (
        f"import mimetypes; mimetypes.init([{str(tmp_path / 'mime.types')!r}])\n"
        "assert mimetypes.guess_type('a.html')[0] == 'application/evil'\n"
        "from pullprod.package.types import content_type\n"
        "print(content_type('a.html'), content_type('a.js'), content_type('a.unheardof'))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.split() == [
        "text/html;",
        "charset=utf-8",
        "text/javascript;",
        "charset=utf-8",
        "application/octet-stream",
    ]

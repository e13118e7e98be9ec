"""A real Flask application with all that it needs, as a build would lay it into a directory."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path

from pullprod.package.zips import package_function

_NEEDS = ("flask", "apig-wsgi", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "blinker")
_SOURCE = """
from apig_wsgi import make_lambda_handler
from flask import Flask, jsonify, request

app = Flask(__name__)

@app.get("/api/tea/<name>")
def tea(name):
    answer = jsonify(version=%r, tea=name, sweet=request.args.get("sweet"), seen=request.cookies.get("seen"))
    answer.set_cookie("seen", "yes")
    return answer

@app.post("/api/orders")
def order():
    return {"version": %r, "cups": request.get_json()["cups"]}, 201

handler = make_lambda_handler(app)
"""


def zipped(directory: Path, version: str) -> bytes:
    """Return the application's zip, made by the client."""
    source = directory / version
    for name in _NEEDS:
        for file in importlib.metadata.files(name) or ():
            if file.suffix in {".py", ".so"} and ".." not in file.parts:
                (source / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), source / file)
    (source / "app.py").write_text(_SOURCE % (version, version))
    return package_function(version, source, directory).source.read_bytes()

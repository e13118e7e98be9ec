"""Splits JavaScript into tokens, as far as the functions in edge/ use it."""

from __future__ import annotations

import re
from dataclasses import dataclass


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


KEYWORDS = words(
    "async await break case catch class const continue debugger default delete do else enum export extends false "
    "finally for function if import in instanceof let new null return static super switch this throw true try typeof "
    "undefined var void while with yield"
)
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_REGEX = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+/[a-z]*")
_TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*", re.DOTALL)
_TOKENS = (
    ("number", re.compile(r"(?:0[xXbBoO][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+)?)n?")),
    ("name", re.compile(r"[A-Za-z_$#@][A-Za-z0-9_$]*")),
    ("string", re.compile(r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"")),
    ("punctuator", re.compile(r">>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|\?\?=|\|\|=|&&=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.|"
                              r"\+\+|--|\+=|-=|\*=|/=|%=|&=|\|=|\^=|<<|>>|\*\*|[{}()\[\];,<>+\-*/%&|^!~?:=.]")),
)  # fmt: skip
_ENDS_A_VALUE = frozenset({")", "]", "}"})


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `line` counts from 1."""

    kind: str
    text: str
    line: int


class NotUnderstoodError(ValueError):
    """Text that is none of the JavaScript known here."""


def tokens(source: str) -> list[Token]:
    """Return the tokens of `source`. The parts of a template are strings; `${` and its `}` are punctuators."""
    found: list[Token] = []
    at = 0
    braces: list[str] = []
    while at < len(source):
        space = _SPACE.match(source, at)
        if space:
            at = space.end()
            continue
        kind, text = _next(source, at, found, braces)
        found.append(Token(kind, text, source.count("\n", 0, at) + 1))
        at += len(text)
        if text in {"{", "${"} and kind == "punctuator":
            braces.append(text)
        resumes = kind == "punctuator" and text == "}" and braces.pop() == "${"
        if kind == "template" or resumes:
            at = _template(source, at, found, braces)
    return found


def _template(source: str, at: int, found: list[Token], braces: list[str]) -> int:
    """Take the text of a template up to its end or its next expression, and return where that is."""
    text = _TEMPLATE.match(source, at)
    end = text.end() if text else at
    line = source.count("\n", 0, at) + 1
    found.append(Token("string", source[at:end], line))
    if source.startswith("${", end):
        found.append(Token("punctuator", "${", line))
        braces.append("${")
        return end + 2
    if not source.startswith("`", end):
        raise NotUnderstoodError(f"line {line}: a template without an end")
    return end + 1


def _next(source: str, at: int, found: list[Token], braces: list[str]) -> tuple[str, str]:
    if source[at] == "`":
        return "template", "`"
    if source[at] == "}" and not braces:
        raise NotUnderstoodError(f"a closing brace too many: {source[at : at + 20]!r}")
    before = found[-1] if found else None
    value = before is not None and (
        before.kind in {"number", "string", "regex"}
        or before.text in _ENDS_A_VALUE
        or (before.kind == "name" and before.text not in KEYWORDS - {"this", "null", "true", "false", "undefined"})
    )
    if source[at] == "/" and not value:
        regex = _REGEX.match(source, at)
        if regex:
            return "regex", regex.group()
    for kind, pattern in _TOKENS:
        matched = pattern.match(source, at)
        if matched:
            return kind, matched.group()
    raise NotUnderstoodError(f"not JavaScript as we know it: {source[at : at + 20]!r}")

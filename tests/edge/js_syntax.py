"""An allow-list of the JavaScript that AWS documents for cloudfront-js-2.0.

No engine here refuses all that CloudFront refuses, and a function that it cannot read answers 503 to everybody. So
what is not known to be documented is refused, even where it would work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.edge.js_tokens import KEYWORDS, Token, tokens, words

_STATEMENTS = words(
    "async await break case catch const continue default delete do else false finally for function if in instanceof "
    "let new null return switch this throw true try typeof undefined var void while"
)
_PUNCTUATORS = words("{ } ${ ( ) [ ] ; , < > <= >= == != === !== + - * / % ** & | ^ ! ~ && || ? : = += -= *= /= %= "
                         "&= |= ^= << >> >>> <<= >>= >>>= ++ -- => .")  # fmt: skip
_GLOBALS = words(
    "Array ArrayBuffer Boolean Buffer Date Error Infinity JSON Math NaN Number Object Promise RangeError RegExp String "
    "TextDecoder TextEncoder TypeError URIError Uint8Array atob btoa console decodeURI decodeURIComponent encodeURI "
    "encodeURIComponent isFinite isNaN parseFloat parseInt require"
)
_METHODS = words(
    "abs apply assign call charAt charCodeAt concat createHash createHmac createRequestOriginGroup decode digest "
    "encode endsWith every exec exists exp filter find findIndex floor forEach from fromCharCode get hasOwnProperty "
    "includes indexOf isArray join keys kvs lastIndexOf log map match max meta min now padEnd padStart parse pop pow "
    "push rawQueryString reduce repeat replace reverse round search shift slice some sort split startsWith stringify "
    "substring test toLowerCase toString toUpperCase trim unshift update updateRequestOrigin values"
)
_MODULES = frozenset({"'crypto'", "'querystring'", "'buffer'"})
_IMPORTS = (["import", "cf", "from", "'cloudfront'", ";"], ["import", "crypto", "from", "'crypto'", ";"])
_BEFORE_OBJECT = frozenset({"(", ",", "=", "[", "return", "?", ":", "&&", "||", "${", "throw"})
_BEFORE_AWAIT = frozenset({"=", "return", ";", "{", "}"})


class _File:
    """The tokens of a file, with what encloses each: `pairs` maps an opening bracket's position to its end."""

    def __init__(self, source: str) -> None:
        self.tokens = tokens(source)
        self.pairs: dict[int, int] = {}
        self.enclosing: list[int | None] = []
        stack: list[int] = []
        for at, token in enumerate(self.tokens):
            if token.kind == "punctuator" and token.text in {")", "]", "}"}:
                self.pairs[stack.pop()] = at
            self.enclosing.append(stack[-1] if stack else None)
            if token.kind == "punctuator" and token.text in {"(", "[", "{", "${"}:
                stack.append(at)
        self.opening = {end: start for start, end in self.pairs.items()}

    def text(self, at: int | None) -> str:
        """Return the text at a position, empty outside the file and for literals."""
        if at is None or not 0 <= at < len(self.tokens) or self.tokens[at].kind == "string":
            return ""
        return self.tokens[at].text

    def is_object(self, at: int | None) -> bool:
        """Tell whether the bracket at a position opens an object literal."""
        return at is not None and self.text(at) == "{" and self.text(at - 1) in _BEFORE_OBJECT

    def is_key(self, at: int) -> bool:
        """Tell whether the name at a position is a key of an object literal."""
        return self.is_object(self.enclosing[at]) and self.text(at - 1) in {"{", ","}

    def parameters(self) -> Iterator[range]:
        """Yield the positions of each list of parameters."""
        for start, end in self.pairs.items():
            named = "function" in {self.text(start - 1), self.text(start - 2)}
            if self.text(start) == "(" and (named or self.text(start - 1) == "catch" or self.text(end + 1) == "=>"):
                yield range(start + 1, end)

    def declared(self) -> set[str]:
        """Return every name that the file declares."""
        names = {self.text(at) for part in self.parameters() for at in part if self.tokens[at].kind == "name"}
        for at, token in enumerate(self.tokens):
            if token.kind == "name" and self.text(at - 1) in {"const", "let", "var", "function", "import"}:
                names.add(token.text)
            if token.kind == "name" and self.text(at + 1) == "=>":
                names.add(token.text)
        return names


def problems(source: str) -> list[str]:
    """Return what in `source` CloudFront may not accept, each with its line; nothing if all is documented."""
    file = _File(source)
    names = file.declared() | _GLOBALS
    start = 0
    for words_of in _IMPORTS:
        if [token.text for token in file.tokens[start : start + len(words_of)]] == words_of:
            start += len(words_of)
    found = []
    for at in range(start, len(file.tokens)):
        token = file.tokens[at]
        what = _CHECKS[token.kind](file, at, token, names)
        if what:
            found.append(f"line {token.line}: {what}")
    for part in file.parameters():
        found += [
            f"line {file.tokens[at].line}: a parameter that is more than a name"
            for at in part
            if file.tokens[at].kind != "name" and file.text(at) != ","
        ]
    return found


def _name(file: _File, at: int, token: Token, names: set[str]) -> str | None:
    before, after = file.text(at - 1), file.text(at + 1)
    if before == ".":
        known = token.text[0] != "#" and (after != "(" or token.text in names | _METHODS)
        return None if known else f"the member {token.text}"
    if file.is_key(at):
        return None if after == ":" else f"the key {token.text} without a value"
    if token.text in KEYWORDS:
        return _keyword(file, at, token)
    if token.text == "require" and not (after == "(" and file.tokens[at + 2].text in _MODULES):
        return "require of another module"
    return None if token.text in names else f"the name {token.text}"


def _keyword(file: _File, at: int, token: Token) -> str | None:
    after = file.text(at + 1)
    if token.text not in _STATEMENTS:
        return f"the keyword {token.text}"
    if token.text == "async" and (after != "function" or file.enclosing[at] is not None):
        return "async other than a function of the file"
    if token.text == "await":
        block = file.text(file.enclosing[at]) == "{" and not file.is_object(file.enclosing[at])
        if not block or file.text(at - 1) not in _BEFORE_AWAIT:
            return "await inside an expression"
    if token.text == "catch" and file.text(at - 1) == "}" and after != "(":
        return "catch without a name"
    if token.text in {"const", "let", "var"} and after in {"{", "["}:
        return "destructuring"
    return None


def _punctuator(file: _File, at: int, token: Token, _names: set[str]) -> str | None:
    if token.text not in _PUNCTUATORS:
        return f"the operator {token.text}"
    before = file.text(at - 1)
    if token.text == "*" and before == "function":
        return "a generator"
    if token.text == "=" and before == "}":
        return "destructuring"
    if token.text == "=" and before == "]" and not _is_index(file, file.opening[at - 1]):
        return "destructuring"
    if token.text == "[" and file.is_object(file.enclosing[at]) and before in {"{", ","}:
        return "a computed key"
    return None


def _is_index(file: _File, at: int) -> bool:
    before = file.tokens[at - 1]
    return before.text in {")", "]"} or (before.kind == "name" and before.text not in KEYWORDS)


def _regex(_file: _File, _at: int, token: Token, _names: set[str]) -> str | None:
    body, flags = token.text.rsplit("/", 1)
    if set(flags) - set("gim"):
        return f"the flags {flags} of a regular expression"
    return "look-behind or a Unicode class in a regular expression" if re.search(r"\(\?<[=!]|\\[pP]\{", body) else None


def _number(_file: _File, _at: int, token: Token, _names: set[str]) -> str | None:
    return f"the number {token.text}" if "_" in token.text or re.fullmatch(r"[0-9]+n", token.text) else None


def _template(file: _File, at: int, _token: Token, _names: set[str]) -> str | None:
    before = file.tokens[at - 1]
    tagged = before.text in {")", "]"} or (before.kind == "name" and before.text not in KEYWORDS)
    return "a tagged template" if tagged else None


def _string(_file: _File, _at: int, _token: Token, _names: set[str]) -> None:
    return None


_CHECKS = {
    "name": _name,
    "punctuator": _punctuator,
    "regex": _regex,
    "number": _number,
    "template": _template,
    "string": _string,
}

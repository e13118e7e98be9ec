"""The functions use only what CloudFront documents, and the check for that does refuse the rest."""

from pathlib import Path

import pytest

from tests.edge.js_syntax import problems
from tests.edge.js_tokens import NotUnderstoodError
from tests.edge.runners import FUNCTIONS

UNDOCUMENTED = {
    "class": "class A {}",
    "generator": "function* f() { return 1; }",
    "yield": "function f() { yield 1; }",
    "for-of": "function f(a) { for (const b of a) { a.push(b); } }",
    "for-await": "async function f(a) { for await (const b of a) { a.push(b); } }",
    "spread in a call": "function f(a) { return Math.max(...a); }",
    "spread in an array": "function f(a) { return [...a]; }",
    "spread in an object": "function f(a) { return { ...a }; }",
    "destructuring an object": "function f(a) { const { b } = a; return b; }",
    "destructuring an array": "function f(a) { let [b] = a; return b; }",
    "destructuring assignment": "function f(a) { let b; [b] = a; return b; }",
    "destructuring assignment of an object": "function f(a) { let b; ({ b: b } = a); return b; }",
    "destructuring a parameter": "function f({ a }) { return a; }",
    "destructuring an arrow's parameter": "const f = ([a]) => a;",
    "a default parameter": "function f(a = 1) { return a; }",
    "optional chaining": "function f(a) { return a?.b; }",
    "optional call": "function f(a) { return a?.(); }",
    "nullish coalescing": "function f(a) { return a ?? 1; }",
    "logical assignment": "function f(a) { a ||= 1; return a; }",
    "nullish assignment": "function f(a) { a ??= 1; return a; }",
    "a shorthand property": "function f(a) { return { a }; }",
    "a shorthand method": "function f() { return { a() { return 1; } }; }",
    "a computed key": "function f(a) { return { [a]: 1 }; }",
    "catch without a name": "function f() { try { return 1; } catch { return 2; } }",
    "await in arguments": "async function f(a) { return f(await a); }",
    "await in an object": "async function f(a) { return { b: await a }; }",
    "await in a template": "async function f(a) { return `${await a}`; }",
    "await in a sum": "async function f(a) { return 1 + await a; }",
    "await in a condition": "async function f(a) { if (await a) { return 1; } return 2; }",
    "an async arrow": "const f = async (a) => a;",
    "an async closure": "function f() { async function g() { return 1; } return g; }",
    "an async method": "const a = { f: async function () { return 1; } };",
    "eval": "eval('1');",
    "new Function": "const f = new Function('return 1');",
    "Function": "Function('return 1')();",
    "setTimeout": "setTimeout(1);",
    "globalThis": "globalThis.a = 1;",
    "process": "process.exit();",
    "fetch": "fetch('https://example.com');",
    "an undeclared name": "nobody = 1;",
    "require of fs": "const fs = require('fs');",
    "require of a name": "const a = 'fs'; const fs = require(a);",
    "another import": "import fs from 'fs';",
    "export": "export default 1;",
    "dynamic import": "import('fs');",
    "with": "with (Math) { max(1); }",
    "debugger": "debugger;",
    "super": "function f() { super.f(); }",
    "a private name": "function f(a) { return a.#b; }",
    "a decorator": "@Math function f() { return 1; }",
    "a large integer": "const a = 10n;",
    "a number with underscores": "const a = 1_000;",
    "a Unicode flag": "const a = /a/u;",
    "a sticky flag": "const a = /a/y;",
    "look-behind": "const a = /(?<=a)b/;",
    "a Unicode class": "const a = /\\p{L}/;",
    "an unknown method": "const a = 'a'.replaceWith('b');",
    "String.raw": "const a = String.raw`a`;",
}

DOCUMENTED = """import cf from 'cloudfront';
const crypto = require('crypto');
// `a comment` with 'quotes' and a /slash
const half = 4 / 2 / 1;
const name = /[/'"`]\\/(?<year>\\d)/g;
async function read(key) {
    const value = await cf.kvs().get(key, { format: 'json' });
    await read(key);
    return await read(value);
}
function f(a, b) {
    const found = a.b[0] ? `x${a.map((c) => `${c}}` + '{').join('')}y` : { 'k': 1, l: [1, 2] };
    const m = { n: function () { return 2 ** 3; } };
    a[0] = b; a['of'] = 1; a.of = 2;
    for (let i = 0; i < 3; i++) { a.push(i); }
    for (const key in found) { delete found[key]; }
    switch (b) { case 1: return { g: 1 }; default: break; }
    try { throw new Error('no'); } catch (error) { return /x/.test(error.message); } finally { b += 1; }
    return crypto.createHash('sha256').update(a).digest('hex');
}
"""


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.name)
def test_a_function_uses_only_what_is_documented(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


def test_what_is_documented_is_accepted() -> None:
    assert problems(DOCUMENTED) == []


@pytest.mark.parametrize("source", UNDOCUMENTED.values(), ids=UNDOCUMENTED.keys())
def test_what_is_not_documented_is_refused(source: str) -> None:
    assert problems(source)


@pytest.mark.parametrize("source", UNDOCUMENTED.values(), ids=UNDOCUMENTED.keys())
def test_it_is_refused_after_a_working_function_too(source: str) -> None:
    last = problems(DOCUMENTED + source)
    assert last
    assert all(int(line.split(":")[0].removeprefix("line ")) > DOCUMENTED.count("\n") for line in last)


@pytest.mark.parametrize("source", ["const a = `x", "}", "const a = 'x", "const a = \\u0061;"])
def test_what_is_no_javascript_is_refused(source: str) -> None:
    with pytest.raises(NotUnderstoodError):
        problems(source)

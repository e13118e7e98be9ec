"""What the functions use of CloudFront's `crypto`, for an engine that has none: HMAC-SHA256 (RFC 2104, FIPS 180-4)."""

from __future__ import annotations

# The engine cannot call into Python while a time limit is set, so this is computed inside.
CRYPTO = """
'use strict';
const edgeCrypto = (function () {
    const BLOCK = 64;
    const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const PRIMES = [];
    for (let n = 2; PRIMES.length < 64; n++) {
        if (PRIMES.every((prime) => n % prime !== 0)) { PRIMES.push(n); }
    }
    const fraction = (root) => Math.floor((root - Math.floor(root)) * 4294967296);
    const ROUNDS = PRIMES.map((prime) => fraction(Math.cbrt(prime)));
    const INITIAL = PRIMES.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
    const w = new Int32Array(64);

    function utf8(text) {
        return unescape(encodeURIComponent(text)).split('').map((letter) => letter.charCodeAt(0));
    }

    function sha256(bytes) {
        const padded = bytes.concat([128]);
        while (padded.length % BLOCK !== 56) { padded.push(0); }
        for (let shift = 56; shift >= 0; shift -= 8) {
            padded.push(Math.floor(bytes.length * 8 / Math.pow(2, shift)) & 255);
        }
        let state = INITIAL;
        for (let start = 0; start < padded.length; start += BLOCK) {
            state = compressed(state, padded.slice(start, start + BLOCK));
        }
        return [].concat(...state.map((word) => [word >>> 24, word >>> 16 & 255, word >>> 8 & 255, word & 255]));
    }

    function compressed(state, block) {
        for (let i = 0; i < 16; i++) {
            w[i] = block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 | block[4 * i + 3];
        }
        for (let i = 16; i < 64; i++) {
            const x = w[i - 15], y = w[i - 2];
            const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
            const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        let [a, b, c, d, e, f, g, h] = state;
        for (let i = 0; i < 64; i++) {
            const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
            const t1 = h + s1 + (e & f ^ ~e & g) + ROUNDS[i] + w[i];
            const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
            const t2 = s0 + (a & b ^ a & c ^ b & c);
            h = g; g = f; f = e; e = d + t1 | 0; d = c; c = b; b = a; a = t1 + t2 | 0;
        }
        return [a, b, c, d, e, f, g, h].map((word, i) => word + state[i] | 0);
    }

    function hmac(key, message) {
        const short = key.length > BLOCK ? sha256(key) : key;
        const filled = short.concat(new Array(BLOCK - short.length).fill(0));
        const inner = sha256(filled.map((byte) => byte ^ 54).concat(message));
        return sha256(filled.map((byte) => byte ^ 92).concat(inner));
    }

    function base64url(bytes) {
        let text = '';
        for (let i = 0; i < bytes.length; i += 3) {
            const three = bytes[i] << 16 | (bytes[i + 1] || 0) << 8 | (bytes[i + 2] || 0);
            for (let shift = 18; shift >= 0; shift -= 6) { text += LETTERS[three >>> shift & 63]; }
        }
        return text.substring(0, Math.ceil(bytes.length * 4 / 3));
    }

    function createHmac(algorithm, key) {
        if (algorithm !== 'sha256') { throw new Error('only sha256 is known here'); }
        let message = [];
        return {
            update(text) { message = message.concat(utf8(text)); return this; },
            digest(encoding) {
                if (encoding !== 'base64url') { throw new Error('only base64url is known here'); }
                return base64url(hmac(utf8(key), message));
            },
        };
    }

    return { createHmac };
}());
globalThis.edgeCrypto = edgeCrypto;
"""

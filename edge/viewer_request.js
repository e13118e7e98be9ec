import cf from 'cloudfront';

// Decides, before the cache is asked, which version of which app answers a request, and under which key its file
// is stored. One record of the key-value store tells everything about a host, so that a swap is one write.
//
//   a app   v version   g generation (0: a version's own host)   s 64 segment digests   r recently shown before v
//   c clean URLs: d directory, h html, o off    p single-page app    x not for search engines    gone revoked
//
// Runtime cloudfront-js-2.0 has no classes, destructuring, spread, for-of, ?. or ??, and no await in an argument.

const kvs = cf.kvs();

const PIN = /^([0-9a-f]{12}-[0-9a-f]{8})\.([1-9][0-9]{0,14})$/;
const PREVIEW = /^[a-z0-9-]+--[a-z0-9-]+$/;
// S3 keys, log lines and other people's proxies disagree about these; the publisher refuses them in paths too.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\/\\]/;

async function handler(event) {
    const request = event.request;
    const key = keyOf(request.headers.host);
    const record = await read(key);
    if (record === null) {
        return answer(404, 'Not Found', 'Nothing is published at this address.\n');
    }
    if (record.gone) {
        return answer(410, 'Gone', 'This version was revoked.\n');
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
        return withHeader(answer(405, 'Method Not Allowed', 'Use GET or HEAD.\n'), 'allow', 'GET, HEAD');
    }
    const names = namesOf(request.uri);
    if (names === null) {
        return answer(400, 'Bad Request', 'This path cannot name a file.\n');
    }
    if (names.join('/') === '.well-known/pullprod') {
        return describe(record);
    }
    const document = isDocument(request.headers);
    const pin = pinOf(request.cookies.pullprod, record, document);
    let shown = record;
    let generation = record.g;
    if (pin !== null) {
        let kept = record;
        if (pin.version !== record.v) {
            kept = await read(`${pin.version}--${record.a}`);
        }
        // A pinned version that was pruned or revoked since: the record is the best there is.
        if (kept !== null && !kept.gone) {
            shown = kept;
            generation = pin.generation;
        }
    }
    return route(request, record, shown, generation, names, document);
}

// A key that is not there makes get() throw; so does text that is no JSON.
async function read(key) {
    try {
        const record = await kvs.get(key, { format: 'json' });
        return record;
    } catch (error) {
        return null;
    }
}

// Previews live under any domain, so their first label is the key. An internationalised host may look like one.
function keyOf(header) {
    const host = header ? header.value.toLowerCase().replace(/\.?(:[0-9]*)?$/, '') : '';
    const label = host.split('.')[0];
    return PREVIEW.test(label) && !label.startsWith('xn--') ? label : host;
}

// The names between the slashes, each in the one percent-encoding that S3 reads as it was meant ('+' is %2B there).
// Null for a path that could mean another file to somebody behind us.
function namesOf(uri) {
    const names = uri.split('/');
    if (names.length < 2 || names.shift() !== '') {
        return null;
    }
    for (let i = 0; i < names.length; i++) {
        const last = i === names.length - 1;
        try {
            const name = decodeURIComponent(names[i]);
            if (UNSAFE.test(name) || name === '.' || name === '..' || (name === '' && !last)) {
                return null;
            }
            names[i] = encodeURIComponent(name);
        } catch (error) {
            return null;
        }
    }
    return names;
}

// Browsers say what a request is for; of other clients we know only what they would like to get.
function isDocument(headers) {
    const dest = valueOf(headers, 'sec-fetch-dest');
    const mode = valueOf(headers, 'sec-fetch-mode');
    if (dest === '' && mode === '') {
        return valueOf(headers, 'accept').includes('text/html');
    }
    return mode === 'navigate' || dest === 'document' || dest === 'iframe' || dest === 'frame';
}

function valueOf(headers, name) {
    return headers[name] ? headers[name].value.toLowerCase() : '';
}

// The pin to follow, or null where the record decides.
function pinOf(cookie, record, document) {
    const found = record.g > 0 && cookie ? PIN.exec(cookie.value) : null;
    if (found === null) {
        return null;
    }
    const pin = { version: found[1], generation: Number(found[2]) };
    // The viewer has seen a swap that this edge has not heard of: going back would mix versions in time.
    if (pin.generation > record.g) {
        return pin;
    }
    // A page keeps getting its own files until the next navigation; a version that was never shown is no page's own.
    const recent = (record.r || []).some((entry) => entry[0] === pin.version);
    return !document && recent ? pin : null;
}

function route(request, record, shown, generation, names, document) {
    const last = names[names.length - 1];
    // Machines read these, at exactly the path that their standards name.
    const exact = names[0] === '.well-known' && names.length > 1;
    const navigation = Boolean(shown.p) && document && !exact && !last.includes('.');
    const there = exact ? null : redirectFor(names, last, shown.c, navigation);
    if (there !== null) {
        return redirect(there + queryOf(request.querystring));
    }
    const path = exact ? names.join('/') : fileFor(names, last, shown.c);
    const missing = navigation ? `200 ${uriOf(shown, 'index.html')}` : `404 ${uriOf(shown, '404.html')}`;
    forget(request);
    request.uri = uriOf(shown, path);
    // The first two are for viewer_response.js, the third for the origin: what to serve if there is no such file.
    withHeader(request, 'x-pullprod-route', `${shown.v}.${generation}`);
    withHeader(request, 'x-pullprod-flags', `${document ? 'd' : ''}${record.x ? 'n' : ''}${record.g > 0 ? 'p' : ''}`);
    return withHeader(request, 'x-pullprod-not-found', missing);
}

// Every name here is encoded and not empty, so the target begins with one slash and stays on this host.
function redirectFor(names, last, mode, navigation) {
    if (mode === 'd' && last !== '' && !last.includes('.') && !navigation) {
        return `/${names.join('/')}/`;
    }
    return mode === 'h' && last === '' && names.length > 1 ? `/${names.slice(0, -1).join('/')}` : null;
}

function fileFor(names, last, mode) {
    const path = names.join('/');
    if (last === '') {
        return `${path}index.html`;
    }
    if (mode === 'o' || last.includes('.')) {
        return path;
    }
    return mode === 'h' ? `${path}.html` : `${path}/index.html`;
}

// The digest is part of the URI, hence of the cache key: no swap needs an invalidation.
function uriOf(record, path) {
    const at = segmentOf(path) * 8;
    return `/${record.a}/s/${record.s.substring(at, at + 8)}/${path}`;
}

// 32-bit FNV-1a of the decoded bytes, modulo 64. Its six low bits depend on no higher one, so only they are kept.
function segmentOf(path) {
    let hash = 0x811c9dc5 & 63;
    for (let i = 0; i < path.length; i++) {
        let byte = path.charCodeAt(i);
        if (byte === 37) {
            byte = parseInt(path.substring(i + 1, i + 3), 16);
            i += 2;
        }
        hash = ((hash ^ byte) * 0x01000193) & 63;
    }
    return hash;
}

// What only we may say, a viewer must not; and no origin needs the pin.
function forget(request) {
    delete request.cookies.pullprod;
    Object.keys(request.headers).forEach((name) => {
        if (name.startsWith('x-pullprod-')) {
            delete request.headers[name];
        }
    });
}

function queryOf(querystring) {
    const pairs = [];
    Object.keys(querystring).forEach((name) => {
        const values = querystring[name].multiValue || [querystring[name]];
        values.forEach((entry) => pairs.push(entry.value === '' ? name : `${name}=${entry.value}`));
    });
    // Values arrive as the viewer encoded them. Should one not be: only printable ASCII may enter a header.
    return pairs.length === 0 ? '' : `?${pairs.join('&').replace(/[^!-~]+/g, encodeURIComponent)}`;
}

function describe(record) {
    const shows = { app: record.a, version: record.v, commit: record.v.substring(0, 12), generation: record.g };
    const described = answer(200, 'OK', `${JSON.stringify(shows)}\n`);
    // The response function is not run for what this one answers.
    withHeader(described, 'x-pullprod-version', record.v);
    return withHeader(described, 'content-type', 'application/json');
}

// Not a permanent one: browsers would remember it longer than a rollback may take.
function redirect(location) {
    const headers = { location: { value: location }, 'cache-control': { value: 'no-store' } };
    return { statusCode: 302, statusDescription: 'Found', headers: headers };
}

function answer(status, description, text) {
    const made = { statusCode: status, statusDescription: description, headers: {} };
    withHeader(made, 'content-type', 'text/plain; charset=utf-8');
    withHeader(made, 'cache-control', 'no-store');
    withHeader(made, 'x-robots-tag', 'noindex');
    withHeader(made, 'x-content-type-options', 'nosniff');
    made.body = { encoding: 'text', data: text };
    return made;
}

function withHeader(message, name, value) {
    message.headers[name] = { value: value };
    return message;
}

import cf from 'cloudfront';

// Decides, before the cache is asked, which version of which app answers: with a stored file, or by a function.
// One record tells everything about a host, so a swap is one write; domain/routes.py says what is in it.
// Runtime cloudfront-js-2.0 has no classes, destructuring, spread, for-of, ?. or ??, and no await in an argument.

const PIN = /^([0-9a-f]{12}-[0-9a-f]{8})\.([1-9]\d{0,14})(?:\.(\d{1,12}))?$/;
// An internationalised host may look like a preview.
const PREVIEW = /^(?!xn--)[a-z0-9-]+--[a-z0-9-]+$/;
// Only we may say these.
const OURS = /^x-(pullprod-.*|forwarded-(host|authorization))$/;
// S3, logs and proxies disagree about these; the publisher refuses them in paths too.
const UNSAFE = /^\.\.?$|[\u0000-\u001f\u007f-\u009f\u2028\u2029\/\\]/;

async function handler(event) {
  const request = event.request;
  const record = await read(keyOf(request.headers.host));
  if (record === null) {
    return answer(404, 'Nothing is published at this address.\n');
  }
  if (record.gone) {
    return answer(410, 'This version was revoked.\n');
  }
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (reads && request.uri === '/.well-known/pullprod') {
    return describe(record);
  }
  const document = reads && isDocument(request.headers);
  const pin = pinOf(request.cookies.pullprod, record, document);
  let shown = record;
  let route = `${record.v}.${record.g}`;
  if (pin !== null) {
    const kept = await read(`${pin[1]}--${record.a}`);
    // A pinned version that was pruned or revoked since: the record is the best there is.
    if (kept !== null && !kept.gone) {
      shown = kept;
      route = pin[0];
    }
  }
  forget(request);
  // For viewer_response.js.
  set(request, 'x-pullprod-route', route);
  set(request, 'x-pullprod-flags', `${document ? 'd' : ''}${record.x ? 'n' : ''}${record.g > 0 ? 'p' : ''}`);
  const origin = originOf(shown, request.uri);
  if (origin !== null) {
    return toFunction(request, shown.v, origin);
  }
  return reads ? toFile(request, shown, document) : answer(405, 'Use GET or HEAD.\n', { allow: 'GET, HEAD' });
}

// get() throws for a key that is not there, and for text that is no JSON.
async function read(key) {
  try {
    return await cf.kvs().get(key, { format: 'json' });
  } catch (error) {
    return null;
  }
}

// Previews live under any domain, so their first label is the key.
function keyOf(header) {
  const host = header ? header.value.toLowerCase().replace(/\.?(:\d*)?$/, '') : '';
  const label = host.split('.')[0];
  return PREVIEW.test(label) ? label : host;
}

// Browsers say what a request is for, other clients only what they would like to get.
function isDocument(headers) {
  const dest = valueOf(headers, 'sec-fetch-dest');
  const mode = valueOf(headers, 'sec-fetch-mode');
  return dest + mode === '' ? valueOf(headers, 'accept').includes('text/html')
    : mode === 'navigate' || ['document', 'iframe', 'frame'].includes(dest);
}

function valueOf(headers, name) {
  return headers[name] ? headers[name].value.toLowerCase() : '';
}

// The pin to follow: [all, version, generation, seconds], or null where the record decides.
function pinOf(cookie, record, document) {
  const pin = record.g > 0 && cookie ? PIN.exec(cookie.value) : null;
  if (pin === null) {
    return null;
  }
  // The viewer has seen a swap that is on its way here: going back would mix versions. That takes seconds; what leads
  // for longer is made up, or is of another pointer that had this host.
  const leads = pin[2] > record.g && Math.abs(Date.now() / 1000 - pin[3]) < 60;
  // A page keeps what is its own until the next navigation; a version that was never shown is no page's own.
  return leads || (!document && (record.r || []).some((entry) => entry[0] === pin[1])) ? pin : null;
}

function forget(request) {
  delete request.cookies.pullprod;
  for (const name in request.headers) {
    if (OURS.test(name)) {
      delete request.headers[name];
    }
  }
}

// The host of the first function whose route this is, or null. `/api/*` is a folder, so it has `/api` too.
function originOf(record, uri) {
  const found = (record.f || []).find((entry) => {
    const route = entry[0];
    return route.endsWith('/*') ? `${uri}/`.startsWith(route.slice(0, -1)) : uri === route;
  });
  return found ? record.i[found[1]] + record.o : null;
}

// The origin is not part of the cache key, so the version is. Signing overwrites the viewer's Authorization.
function toFunction(request, version, domainName) {
  const headers = request.headers;
  set(request, 'x-pullprod-version', version);
  set(request, 'x-forwarded-host', headers.host.value);
  if (headers.authorization) {
    set(request, 'x-forwarded-authorization', headers.authorization.value);
  }
  cf.updateRequestOrigin({
    domainName: domainName,
    originAccessControlConfig: {
      enabled: true, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 'lambda',
    },
    customOriginConfig: { port: 443, protocol: 'https', sslProtocols: ['TLSv1.2'] },
    timeouts: { readTimeout: 60 },
  });
  return request;
}

function toFile(request, shown, document) {
  const names = namesOf(request.uri);
  if (names === null) {
    return answer(400, 'This path cannot name a file.\n');
  }
  const last = names[names.length - 1];
  // Machines read these, at exactly the path that their standards name.
  const mode = names[0] === '.well-known' && names.length > 1 ? 'o' : shown.c;
  const navigation = shown.p && document && !last.includes('.') && names[0] !== '.well-known';
  const there = redirectFor(names, last, mode, navigation);
  if (there !== null) {
    const query = request.rawQueryString();
    return redirect(query ? `${there}?${query}` : there);
  }
  // The digest is part of the URI, hence of the cache key: no swap needs an invalidation. These must not split it.
  request.uri = uriOf(shown, fileFor(names, last, mode));
  request.querystring = {};
  request.cookies = {};
  cf.createRequestOriginGroup({
    originIds: [{ originId: 'site' }, { originId: 'not-found' }],
    failoverCriteria: { statusCodes: [403, 404] },
  });
  const missing = navigation ? `200 ${uriOf(shown, 'index.html')}` : `404 ${uriOf(shown, '404.html')}`;
  return set(request, 'x-pullprod-not-found', missing);
}

// The names between the slashes, each in the one encoding that S3 reads as it was meant ('+' is %2B there).
// Null for a path that could mean another file to somebody behind us.
function namesOf(uri) {
  const names = uri.split('/');
  if (names.shift() !== '' || names.length === 0) {
    return null;
  }
  try {
    for (let i = 0; i < names.length; i++) {
      const name = decodeURIComponent(names[i]);
      if (UNSAFE.test(name) || (name === '' && i < names.length - 1)) {
        return null;
      }
      names[i] = encodeURIComponent(name);
    }
  } catch (error) {
    return null;
  }
  return names;
}

// Names are encoded and not empty, so the target begins with one slash and stays on this host.
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
  return mode === 'o' || last.includes('.') ? path : path + (mode === 'h' ? '.html' : '/index.html');
}

function uriOf(record, path) {
  const at = segmentOf(path) * 8;
  return `/${record.a}/s/${record.s.substring(at, at + 8)}/${path}`;
}

// 32-bit FNV-1a of the decoded bytes, modulo 64: of its basis and prime, too, only the six low bits count.
function segmentOf(path) {
  let hash = 5;
  for (let i = 0; i < path.length; i++) {
    let byte = path.charCodeAt(i);
    if (byte === 37) {
      byte = parseInt(path.substring(i + 1, i + 3), 16);
      i += 2;
    }
    hash = ((hash ^ byte) * 19) & 63;
  }
  return hash;
}

function describe(record) {
  const shows = { app: record.a, version: record.v, commit: record.v.substring(0, 12), generation: record.g };
  return answer(200, `${JSON.stringify(shows)}\n`, {
    'content-type': 'application/json', 'x-pullprod-version': record.v,
  });
}

// Not a permanent one: browsers would remember it longer than a rollback may take. A header is printable ASCII.
function redirect(target) {
  const location = target.replace(/[^!-~]+/g, encodeURIComponent);
  return { statusCode: 302, headers: { location: { value: location }, 'cache-control': { value: 'no-store' } } };
}

// The response function is not run for what this one answers.
function answer(status, text, more) {
  const made = { statusCode: status, headers: {}, body: { encoding: 'text', data: text } };
  const said = Object.assign({
    'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store',
    'x-content-type-options': 'nosniff', 'x-robots-tag': 'noindex',
  }, more);
  for (const name in said) {
    set(made, name, said[name]);
  }
  return made;
}

function set(message, name, value) {
  message.headers[name] = { value: value };
  return message;
}

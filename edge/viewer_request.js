import cf from 'cloudfront';
import crypto from 'crypto';

// Decides which version answers a request, with a file or by a function. README.md says why each part is as it is.

const PIN = /^(([0-9a-f]{12}-[0-9a-f]{8})\.([1-9]\d{0,14})(?:\.(\d{1,12}))?)(?:\.([\w-]{43}))?$/;
const SHARE = 'pullprod-share';
const TOKEN = /^(\d{1,12})\.([\w-]{43})$/;
const PREVIEW = /^(?!xn--)[a-z0-9-]+--[a-z0-9-]+$/;
const OURS = /^x-(pullprod-.*|forwarded-(host|authorization))$/;
const UNSAFE = /^\.\.?$|[\u0000-\u001f\u007f-\u009f\u2028\u2029\/\\]/;

async function handler(event) {
  const request = event.request;
  const key = keyOf(request.headers.host);
  const record = await read(key);
  if (record === null) {
    return answer(404, 'Nothing is published at this address.\n');
  }
  if (record.gone) {
    return answer(410, 'This version was revoked.\n');
  }
  const reads = request.method === 'GET' || request.method === 'HEAD';
  const document = reads && isDocument(request.headers);
  const pin = pinOf(request.cookies.pullprod, record);
  const leads = pin !== null && pin[3] > record.g;
  const lock = await read(record.x || leads || document ? `LOCK:${record.a}` : '');
  // What cannot be read is not taken for what is not there.
  const asked = lock === null && (record.x || leads) ? cf.kvs().exists(`LOCK:${record.a}`) : false;
  const unread = await asked;
  if (unread) {
    return answer(503, 'Try again in a moment.\n');
  }
  const secret = lock !== null && lock.k ? lock.k : '';
  const refused = record.x && secret ? refuse(request, reads, key, lock) : null;
  if (refused !== null) {
    return refused;
  }
  if (reads && request.uri === '/.well-known/pullprod') {
    return describe(record);
  }
  const follows = (leads && isRecent(pin, secret)) || (!document && isOwn(pin, record));
  const kept = await read(follows ? `${pin[2]}--${record.a}` : '');
  const pinned = kept !== null && !kept.gone;
  forget(request);
  set(request, 'x-pullprod-route', pinned ? pin[0] : routeOf(record, document && record.g > 0 && secret));
  set(request, 'x-pullprod-flags', `${document ? 'd' : ''}${record.x ? 'n' : ''}${record.g > 0 ? 'p' : ''}`);
  const shown = pinned ? kept : record;
  const origin = originOf(shown, request.uri);
  if (origin !== null) {
    return toFunction(request, shown.v, origin);
  }
  return reads ? toFile(request, shown, document) : answer(405, 'Use GET or HEAD.\n', { allow: 'GET, HEAD' });
}

async function read(key) {
  try {
    const found = key ? cf.kvs().get(key, { format: 'json' }) : null;
    return await found;
  } catch (error) {
    return null;
  }
}

function keyOf(header) {
  const host = header ? header.value.toLowerCase().replace(/\.?(:\d*)?$/, '') : '';
  const label = host.split('.')[0];
  return PREVIEW.test(label) ? label : host;
}

function isDocument(headers) {
  const dest = valueOf(headers, 'sec-fetch-dest');
  const mode = valueOf(headers, 'sec-fetch-mode');
  return dest + mode === '' ? valueOf(headers, 'accept').includes('text/html')
    : mode === 'navigate' || ['document', 'iframe', 'frame'].includes(dest);
}

function valueOf(headers, name) {
  return headers[name] ? headers[name].value.toLowerCase() : '';
}

function pinOf(cookie, record) {
  return record.g > 0 && cookie ? PIN.exec(cookie.value) : null;
}

function isRecent(pin, secret) {
  return Math.abs(Date.now() / 1000 - pin[4]) < 60 && (!secret || same(sign(secret, pin[1]), `${pin[5]}`));
}

function isOwn(pin, record) {
  return pin !== null && (record.r || []).some((entry) => entry[0] === pin[2]);
}

function routeOf(record, secret) {
  const route = `${record.v}.${record.g}`;
  if (!secret) {
    return route;
  }
  const now = `${route}.${Math.floor(Date.now() / 1000)}`;
  return `${now}.${sign(secret, now)}`;
}

function refuse(request, reads, key, lock) {
  const opens = (entry) => {
    const token = entry ? TOKEN.exec(entry.value) : null;
    return token !== null && token[1] > Date.now() / 1000 && same(sign(lock.k, `${key}.${token[1]}`), token[2]);
  };
  const sent = request.querystring[SHARE];
  if (reads && opens(sent)) {
    return exchange(request, sent.value);
  }
  delete request.querystring[SHARE];
  const login = request.headers.authorization;
  if (lock.p && login && same(sign(lock.k, login.value), lock.p)) {
    delete request.headers.authorization;
    return null;
  }
  if (opens(request.cookies[SHARE])) {
    return null;
  }
  return lock.p
    ? answer(401, 'The user name is the app, the password that of its previews.\n', {
      'www-authenticate': `Basic realm="${lock.a}"`,
    })
    : answer(403, 'This preview needs a share link that was made for it and has not ended.\n');
}

function exchange(request, token) {
  const query = request.rawQueryString().split('&').filter((pair) => !pair.startsWith(SHARE)).join('&');
  const clean = redirect(request.uri.replace(/^[\/\\]+/, '/'), query);
  const left = parseInt(token, 10) - Math.floor(Date.now() / 1000);
  const secure = /\.localhost(:|$)/.test(request.headers.host.value) ? '' : '; Secure';
  clean.cookies = {};
  clean.cookies[SHARE] = { value: token, attributes: `Path=/; HttpOnly; SameSite=Lax; Max-Age=${left}${secure}` };
  return set(clean, 'referrer-policy', 'no-referrer');
}

function sign(secret, text) {
  return crypto.createHmac('sha256', secret).update(text).digest('base64url');
}

function same(a, b) {
  let differences = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) {
    differences |= a.charCodeAt(i) ^ b.charCodeAt(i);
  }
  return differences === 0;
}

function forget(request) {
  delete request.cookies.pullprod;
  delete request.cookies[SHARE];
  for (const name in request.headers) {
    if (OURS.test(name)) {
      delete request.headers[name];
    }
  }
}

function originOf(record, uri) {
  const found = (record.f || []).find((entry) => {
    const route = entry[0];
    return route.endsWith('/*') ? `${uri}/`.startsWith(route.slice(0, -1)) : uri === route;
  });
  return found ? record.i[found[1]] + record.o : null;
}

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
  const mode = names[0] === '.well-known' && names.length > 1 ? 'o' : shown.c;
  const navigation = shown.p && document && !last.includes('.') && names[0] !== '.well-known';
  const there = redirectFor(names, last, mode, navigation);
  if (there !== null) {
    return redirect(there, request.rawQueryString());
  }
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
  const slot = slotOf(path);
  const at = (slot & 63) * 8;
  const name = String.fromCharCode(48 + (slot >> 8), 93 + (slot >> 3 & 31), 80 + (slot & 7));
  const patched = record.d && record.d.indexOf(name, 8) > 0;
  return `/${record.a}/s/${patched ? record.d.substring(0, 8) : record.s.substring(at, at + 8)}/${path}`;
}

function slotOf(path) {
  let hash = 7621;
  for (let i = 0; i < path.length; i++) {
    let byte = path.charCodeAt(i);
    if (byte === 37) {
      byte = parseInt(path.substring(i + 1, i + 3), 16);
      i += 2;
    }
    hash = ((hash ^ byte) * 403) & 8191;
  }
  return hash;
}

function describe(record) {
  const shows = { app: record.a, version: record.v, commit: record.v.substring(0, 12), generation: record.g };
  return answer(200, `${JSON.stringify(shows)}\n`, {
    'content-type': 'application/json', 'x-pullprod-version': record.v,
  });
}

function redirect(path, query) {
  const location = (query ? `${path}?${query}` : path).replace(/[^!-~]+/g, encodeURIComponent);
  return { statusCode: 302, headers: { location: { value: location }, 'cache-control': { value: 'no-store' } } };
}

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

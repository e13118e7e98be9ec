// Tells the viewer which version answered, and pins the documents of a pointer's hosts to it.
//
// A pin is version.generation.seconds: when an edge last had this generation as its newest. Where previews are locked,
// the other function has made it and signed it. CloudFront does not run this from status 400 on; who answers so sets
// his own headers.
//
// event.request.headers are read as viewer_request.js left them. That a viewer-response event carries the request is
// documented; that it carries the request as the other function changed it is not, and was not tried on AWS. Without
// the headers, or with a viewer's own, nothing worse happens than a response without a version or a pin.

const ROUTE = /^([0-9a-f]{12}-[0-9a-f]{8})\.\d{1,15}(\.\d{1,12}(\.[\w-]{43})?)?$/;

async function handler(event) {
  const response = event.response;
  const headers = response.headers;
  Object.keys(headers).forEach((name) => {
    if (isInternal(name)) {
      delete headers[name];
    }
  });
  headers['x-content-type-options'] = { value: 'nosniff' };
  const flags = valueOf(event.request.headers, 'x-pullprod-flags');
  if (flags.includes('n')) {
    headers['x-robots-tag'] = { value: 'noindex' };
  }
  const route = ROUTE.exec(valueOf(event.request.headers, 'x-pullprod-route'));
  if (route !== null) {
    headers['x-pullprod-version'] = { value: route[1] };
    if (flags.includes('d') && flags.includes('p')) {
      // A pin that leads this edge keeps its time, so that it cannot lead for ever.
      const pin = route[2] ? route[0] : `${route[0]}.${Math.floor(Date.now() / 1000)}`;
      response.cookies.pullprod = { value: pin, attributes: 'Path=/; HttpOnly; SameSite=Lax' };
    }
  }
  return response;
}

// CloudFront adds x-amz-cf-* itself, later, and answers 502 to a function that touches them.
function isInternal(name) {
  const amazon = name.startsWith('x-amz-') && !name.startsWith('x-amz-cf-');
  return amazon || name === 'server' || name.startsWith('x-pullprod-');
}

function valueOf(headers, name) {
  return headers[name] ? headers[name].value : '';
}

// oauth-1.0a. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
'use strict';

// >>> docs
const crypto = require('node:crypto');
const fs = require('node:fs');
const OAuth = require('oauth-1.0a');
// <<< docs
const { HARD_PAIRS, REPEATED, JSON_BODY, args, report } = require('./node_calls.js');

const [gateway, keyFile, consumer] = args();
// >>> docs
const privateKey = fs.readFileSync(keyFile);
const oauth = OAuth({
  consumer: { key: consumer },
  signature_method: 'RSA-SHA1',
  hash_function: (baseString) => crypto.sign('RSA-SHA1', Buffer.from(baseString), privateKey).toString('base64'),
});
// `data` is a form; a body of JSON is sent, and not given here.
const signed = (url, method = 'GET', data = undefined) => oauth.toHeader(oauth.authorize({ url, method, data }));
const answer = fetch(`${gateway}/rest/example`, { headers: signed(`${gateway}/rest/example`) });
// <<< docs

const query = (pairs) =>
  Object.entries(pairs)
    .flatMap(([name, values]) => [values].flat().map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`))
    .join('&');

async function call(name, method, { target = '', form, json }) {
  const url = `${gateway}/${name}${target}`;
  const headers = signed(url, method, form && { ...form });
  if (form) headers['Content-Type'] = 'application/x-www-form-urlencoded';
  if (json) headers['Content-Type'] = 'application/json';
  const response = await fetch(url, { method, headers, body: form ? query(form) : json });
  report(name, response.status, await response.text());
}

async function calls() {
  const first = await answer;
  report('get_plain', first.status, await first.text());
  // In a query a name that has to be escaped is escaped twice in the signature; in a form it is right.
  const { q, empty, sum } = HARD_PAIRS;
  await call('get_hard', 'GET', { target: `?${query({ q, empty, sum })}` });
  await call('get_hard_name', 'GET', { target: `?${query(HARD_PAIRS)}` });
  await call('get_repeated', 'GET', { target: `?${query(REPEATED)}` });
  await call('post_form', 'POST', { form: HARD_PAIRS });
  await call('post_form_repeated', 'POST', { form: REPEATED });
  await call('post_form_and_query', 'POST', { target: '?a=1', form: REPEATED });
  await call('post_json', 'POST', { json: JSON_BODY });
  await call('put_form', 'PUT', { form: HARD_PAIRS });
  await call('put_json', 'PUT', { json: JSON_BODY });
  await call('delete', 'DELETE', { target: '?force=yes%20please' });
}

calls();

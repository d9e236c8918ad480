#!/usr/bin/env node
// oauth-1.0a with node:crypto, as its users call it, against a running gateway in front of echo_backend.py.
//
// Each request that the client signs correctly is sent three times: changed after signing, under the same nonce (401
// `signature_invalid`, nothing reaches the backend), as signed (200), and again (401 `nonce_used`). What the client itself
// signs wrongly is listed too, and must be refused: the gateway does not guess.
//
// usage: NODE_PATH=DIR/node_modules clients_node.js --gateway http://127.0.0.1:PORT --record FILE --consumer KEY=PRIVATE.pem ...
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const querystring = require('node:querystring');
const { isDeepStrictEqual, parseArgs } = require('node:util');
const OAuth = require('oauth-1.0a');

const FORM = 'application/x-www-form-urlencoded';
const HARD = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐";
const E = encodeURIComponent;

/**
 * @typedef {{ method: string, url: URL, headers: Record<string, string>, body: string }} Signed
 * @typedef {{ status: number, challenge: string, text: string }} Answer
 * @typedef {{ name: string, method?: string, target: string, form?: Record<string, string | string[]>, json?: unknown,
 *   place?: 'header' | 'query' | 'body', token?: { key: string }, options?: object, bodyHash?: boolean }} Call
 */

/** @type {Call[]} */
const RIGHT = [
  { name: 'get_plain', target: '/plain' },
  { name: 'get_hard_values', target: `/search?q=${E(HARD)}&empty=&flag&low=%c3%a4&un~re-ser_ved.=1` },
  { name: 'get_repeated_names', target: '/search?a=2&a=10&a=&b=x&a=%20&a=%26' },
  { name: 'get_hard_path', target: "/a%20b/%c3%a4/%2F/!*'()~;m=1/x,y@z:$/" },
  { name: 'get_realm', target: '/plain', options: { realm: 'http://a.example/b c' } },
  { name: 'get_separator_without_blank', target: '/plain?a=1', options: { parameter_seperator: ',' } },
  { name: 'get_empty_token', target: '/plain', token: { key: '' } },
  { name: 'get_in_query', place: 'query', target: `/search?q=${E(HARD)}&a=2&a=1` },
  { name: 'get_all_oauth_in_query', place: 'query', target: '/plain' },
  { name: 'delete', method: 'DELETE', target: '/thing/1?force=yes%20please' },
  { name: 'post_form', method: 'POST', target: '/form?x=1', form: { q: HARD, [HARD]: 'v', empty: '', a: ['2', '10', ''] } },
  { name: 'post_form_in_query', place: 'query', method: 'POST', target: '/form?x=1', form: { q: HARD, a: ['2', '1'] } },
  { name: 'post_form_in_body', place: 'body', method: 'POST', target: '/form', form: { q: HARD, [HARD]: 'v', a: ['2', '1'] } },
  { name: 'post_json', method: 'POST', target: '/json?x=1', json: { text: HARD, oauth_token: 'not a parameter' } },
  { name: 'post_json_body_hash', method: 'POST', target: '/json', json: { text: HARD }, bodyHash: true },
  { name: 'put_json', method: 'PUT', target: '/json/1', json: [1, null] },
  { name: 'patch_json', method: 'PATCH', target: '/json/1', json: { a: HARD } },
  { name: 'patch_form', method: 'PATCH', target: '/form/1', form: { a: ['1', '2'] } },
];

/** What oauth-1.0a 2.2.6 signs in another way than RFC 5849 says. @type {Call[]} */
const WRONG = [
  { name: 'plus_in_query_is_signed_as_plus', target: '/search?q=a+b' },
  { name: 'escaped_name_is_encoded_twice', target: '/search?a%20b=1' },
  { name: 'value_ends_at_its_second_equals_sign', target: '/search?a=1=2' },
  { name: 'empty_value_is_lost_when_the_name_comes_again', target: '/search?a=&a=1' },
  { name: 'form_value_is_lost_to_the_query', method: 'POST', target: '/form?a=1', form: { a: '2' } },
  { name: 'query_comes_again_in_the_body', place: 'body', method: 'POST', target: '/form?x=1', form: { a: '2' } },
  { name: 'no_slash_for_an_empty_path', target: '' },
  {
    name: 'body_hash_is_a_signature_by_default',
    method: 'POST',
    target: '/json',
    json: {},
    bodyHash: true,
    options: { body_hash_function: undefined },
  },
];

/** Signs as the package's own examples do. @returns {Signed} */
function sign(gateway, consumer, call) {
  const url = gateway + call.target;
  const oauth = new OAuth({
    consumer: { key: consumer.key },
    signature_method: 'RSA-SHA1',
    hash_function: (baseString) => crypto.sign('RSA-SHA1', Buffer.from(baseString), consumer.privateKey).toString('base64'),
    body_hash_function: (body) => crypto.createHash('sha1').update(body).digest('base64'),
    ...call.options,
  });
  const method = call.method ?? 'GET';
  const json = call.json === undefined ? undefined : JSON.stringify(call.json);
  // JSON may be given as `data` only together with a body hash: it would be signed as parameters, a character each.
  const data = call.bodyHash ? json : call.form && { ...call.form };
  const parameters = oauth.authorize({ url, method, data, includeBodyHash: call.bodyHash }, call.token);
  /** @type {Signed} */
  const signed = {
    method,
    url: new URL(url),
    headers: { 'X-Case': crypto.randomUUID() },
    body: json ?? querystring.stringify(call.form),
  };
  if (call.json !== undefined) signed.headers['Content-Type'] = 'application/json';
  if (call.form) signed.headers['Content-Type'] = FORM;
  switch (call.place ?? 'header') {
    case 'header':
      Object.assign(signed.headers, oauth.toHeader(parameters));
      break;
    case 'query': {
      // authorize() returns the request's own parameters too, which are in the URL or in the body already.
      const own = Object.entries(parameters).filter(([name]) => name.startsWith('oauth_'));
      signed.url = new URL(`${url}${url.includes('?') ? '&' : '?'}${querystring.stringify(Object.fromEntries(own))}`);
      break;
    }
    case 'body':
      signed.body = querystring.stringify(parameters);
      break;
  }
  return signed;
}

/** The same signature on something else. @returns {Generator<[string, Signed]>} */
function* tampered(signed, call) {
  const twin = (changes) => ({ ...signed, headers: { ...signed.headers, 'X-Case': crypto.randomUUID() }, ...changes });
  const url = (change) => twin({ url: Object.assign(new URL(signed.url), change) });
  yield ['path', url({ pathname: `${signed.url.pathname}x` })];
  yield ['parameter', url({ search: `?tampered&${signed.url.search.slice(1)}` })];
  yield ['method', twin({ method: signed.method === 'POST' ? 'PUT' : 'POST' })];
  if (call.form) yield ['form', twin({ body: `tampered=1&${signed.body}` })];
  if (call.bodyHash) yield ['hashed body', twin({ body: `${signed.body} ` })];
}

const agent = new http.Agent({ keepAlive: true });

/** @returns {Promise<Answer>} */
function send({ method, url, headers, body }) {
  return new Promise((resolve, reject) => {
    // The target as it stands in the URL. A length is always sent, as many clients do: 0 on a GET is common.
    const options = { agent, method, path: url.pathname + url.search, headers: { ...headers, 'Content-Length': Buffer.byteLength(body) } };
    const request = http.request(url, options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          challenge: response.headers['www-authenticate'] ?? '',
          text: Buffer.concat(chunks).toString().slice(0, 300),
        })
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

const expect = (condition, why) => {
  if (!condition) throw new Error(why);
};

function expectRefused({ status, challenge, text }, problem) {
  expect(status === 401, `status ${status} instead of 401: ${challenge} ${text}`);
  expect(challenge.startsWith('OAuth ') && challenge.includes(`oauth_problem="${problem}"`), `WWW-Authenticate: ${challenge}`);
}

/** The raw `&` segments that are the application's own. */
function withoutOauth(pairs) {
  return pairs.split('&').filter((raw) => !querystring.unescape(raw).startsWith('oauth_')).join('&');
}

/** The record's lines for this request: the backend writes them before it answers. */
function reached(record, request) {
  const lines = fs.readFileSync(record, 'utf8').split('\n').filter((line) => line.includes(request.headers['X-Case']));
  return lines.map((line) => JSON.parse(line));
}

function expectForwarded(record, consumer, signed) {
  const lines = reached(record, signed);
  expect(lines.length === 1, `reached the backend ${lines.length} times`);
  const [seen] = lines;
  const headers = (name) => seen.headers.filter(([seenName]) => seenName.toLowerCase() === name).map(([, value]) => value);
  const query = withoutOauth(signed.url.search.slice(1));
  // With nothing left in the query a bare `?` more or less means the same.
  const targets = query ? [`${signed.url.pathname}?${query}`] : [signed.url.pathname, `${signed.url.pathname}?`];
  const body = signed.headers['Content-Type'] === FORM ? withoutOauth(signed.body) : signed.body;
  const seenBody = Buffer.from(seen.body, 'base64').toString();
  expect(seen.method === signed.method, `method ${seen.method}`);
  expect(targets.includes(seen.target), `target ${seen.target} instead of ${targets[0]}`);
  expect(seenBody === body, `body ${seenBody} instead of ${body}`);
  expect(isDeepStrictEqual(headers('x-oauth-consumer'), [consumer.key]), `X-OAuth-Consumer ${headers('x-oauth-consumer')}`);
  expect(headers('authorization').length === 0, 'an Authorization header reached the backend');
}

async function sendThreeTimes({ gateway, record, consumer }, call) {
  const signed = sign(gateway, consumer, call);
  for (const [what, twin] of tampered(signed, call)) {
    try {
      expectRefused(await send(twin), 'signature_invalid');
    } catch (error) {
      throw new Error(`tampered ${what}: ${error.message}`);
    }
    expect(reached(record, twin).length === 0, `tampered ${what} reached the backend`);
  }
  const { status, challenge, text } = await send(signed);
  expect(status === 200, `status ${status}: ${challenge} ${text}`);
  expectForwarded(record, consumer, signed);
  expectRefused(await send(signed), 'nonce_used');
  expect(reached(record, signed).length === 1, 'a replay reached the backend');
}

async function isRefused({ gateway, record, consumer }, call) {
  const signed = sign(gateway, consumer, call);
  expectRefused(await send(signed), 'signature_invalid');
  expect(reached(record, signed).length === 0, 'reached the backend');
}

async function main() {
  const { values } = parseArgs({
    options: { gateway: { type: 'string' }, record: { type: 'string' }, consumer: { type: 'string', multiple: true } },
  });
  if (!values.gateway || !values.record || !values.consumer) {
    console.error('usage: clients_node.js --gateway URL --record FILE --consumer KEY=PRIVATE.pem ...');
    return 2;
  }
  let passed = 0;
  let failed = 0;
  for (const argument of values.consumer) {
    const [, key, path] = argument.match(/^([^=]+)=(.+)$/s);
    const consumer = { key, privateKey: crypto.createPrivateKey(fs.readFileSync(path)) };
    const cases = [
      ...RIGHT.map((call) => [`${call.place ?? 'header'} ${call.name}`, sendThreeTimes, call]),
      ...WRONG.map((call) => [`refused ${call.name}`, isRefused, call]),
    ];
    for (const [name, run, call] of cases) {
      try {
        await run({ gateway: values.gateway, record: values.record, consumer }, call);
        passed += 1;
        console.log(`ok oauth_1_0a ${key} ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL oauth_1_0a ${key} ${name}: ${error.message.replace(/\s+/g, ' ')}`);
      }
    }
  }
  agent.destroy();
  console.log(`${passed} passed, ${failed} failed`);
  return passed > 0 && failed === 0 ? 0 : 1;
}

main().then((code) => {
  process.exitCode = code;
});

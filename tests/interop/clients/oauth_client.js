// node-oauth. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
'use strict';

// >>> docs
const fs = require('node:fs');
const { OAuth } = require('oauth');
// <<< docs
const querystring = require('node:querystring');
const { HARD_PAIRS, REPEATED, JSON_BODY, args, report } = require('./node_calls.js');

const [gateway, keyFile, consumer] = args();
// >>> docs
const privateKey = fs.readFileSync(keyFile, 'ascii');
const oauth = new OAuth(null, null, consumer, privateKey, '1.0', null, 'RSA-SHA1');
oauth.get(`${gateway}/rest/example`, '', '', answered); // two-legged: neither token nor secret
// <<< docs

function answered(error, body, response) {
  report('get_plain', response.statusCode, body);
  calls();
}

const call = (name, method, ...rest) =>
  new Promise((done) => {
    oauth[method](...rest, (error, body, response) => {
      report(name, response.statusCode, body);
      done();
    });
  });

async function calls() {
  const q = querystring.stringify;
  await call('get_hard', 'get', `${gateway}/get_hard?${q(HARD_PAIRS)}`, '', '');
  await call('get_repeated', 'get', `${gateway}/get_repeated?${q(REPEATED)}`, '', '');
  await call('post_form', 'post', `${gateway}/post_form`, '', '', { ...HARD_PAIRS }, undefined);
  await call('post_form_repeated', 'post', `${gateway}/post_form_repeated`, '', '', { ...REPEATED }, undefined);
  await call('post_form_and_query', 'post', `${gateway}/post_form_and_query?a=1`, '', '', { ...REPEATED }, undefined);
  await call('post_json', 'post', `${gateway}/post_json`, '', '', JSON_BODY, 'application/json');
  await call('put_form', 'put', `${gateway}/put_form`, '', '', { ...HARD_PAIRS }, undefined);
  await call('put_json', 'put', `${gateway}/put_json`, '', '', JSON_BODY, 'application/json');
  await call('delete', 'delete', `${gateway}/delete?force=yes%20please`, '', '');
  // A form given as text is sent, and not signed.
  await call('post_form_as_text', 'post', `${gateway}/post_form_as_text`, '', '', 'a=1', undefined);
}

// node-oauth dances. Arguments: GATEWAY PRIVATE.pem CONSUMER CALLBACK.
'use strict';

// >>> docs
const fs = require('node:fs');
const { OAuth } = require('oauth');
// <<< docs
const { args, step, verifier } = require('./steps.js');

const [gateway, keyFile, consumer, callback] = args();
// >>> docs
const privateKey = fs.readFileSync(keyFile, 'ascii');
const base = `${gateway}/plugins/servlet/oauth`;
const oauth = new OAuth(`${base}/request-token`, `${base}/access-token`, consumer, privateKey, '1.0', callback, 'RSA-SHA1');
oauth.getOAuthRequestToken((error, token, secret) => {
  consent(`${base}/authorize?oauth_token=${token}`, token, secret);
});
// <<< docs

async function consent(url, token, secret) {
  const code = await verifier(url);
  // >>> docs
  oauth.getOAuthAccessToken(token, secret, code, (error, accessToken, accessSecret, more) => {
    oauth.get(`${gateway}/rest/api/2/myself`, accessToken, accessSecret, called);
  });
  // <<< docs
}

async function called(error, body, response) {
  await step('called', { status: response.statusCode, body });
  process.exit();
}

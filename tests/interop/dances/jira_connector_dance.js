// jira-connector dances with its oauth_util. Arguments: GATEWAY PRIVATE.pem CONSUMER CALLBACK.
'use strict';

// >>> docs
const fs = require('node:fs');
const JiraClient = require('jira-connector');
// <<< docs
const { args, step, verifier } = require('./steps.js');

const [gateway, keyFile, consumer, callback] = args();
// >>> docs
const { protocol, hostname, port } = new URL(gateway);
const oauth = { consumer_key: consumer, private_key: fs.readFileSync(keyFile, 'ascii'), callback_url: callback };
const config = { protocol, host: hostname, port, oauth };
JiraClient.oauth_util.getAuthorizeURL(config, (error, { url, token, token_secret }) => {
  consent(url, token, token_secret);
});
// <<< docs

async function consent(url, token, token_secret) {
  const oauth_verifier = await verifier(url);
  // >>> docs
  const allowed = { ...config, oauth: { ...oauth, token, token_secret, oauth_verifier } };
  JiraClient.oauth_util.swapRequestTokenWithAccessToken(allowed, (error, accessToken, accessSecret) => {
    const jira = new JiraClient({ ...config, oauth: { ...oauth, token: accessToken, token_secret: accessSecret } });
    called(jira.myself.getMyself());
  });
  // <<< docs
}

async function called(answer) {
  const user = await answer;
  await step('called', { status: 200, body: JSON.stringify(user) });
  process.exit();
}

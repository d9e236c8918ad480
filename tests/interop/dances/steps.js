// What the Node clients here have in common: whoever started them is the user, and goes where they say.
'use strict';

const lines = require('node:readline').createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Says what comes next, and waits for what came of it. */
async function step(what, more) {
  console.log(JSON.stringify({ step: what, ...more }));
  return ((await lines.next()).value ?? '').trim();
}

module.exports = {
  /** The gateway's URL, the file of the private key, the consumer's key, where to call back (`oob`: nowhere). */
  args: () => process.argv.slice(2),
  step,
  /** The user goes to this page: the verifier in the URL that it led to, or the code that it showed. */
  async verifier(url) {
    const returned = await step('consent', { url });
    return returned.startsWith('http') ? new URL(returned).searchParams.get('oauth_verifier') : returned;
  },
};

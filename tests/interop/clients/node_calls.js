// What the Node clients here have in common: what they send, and how they say what came back.
'use strict';

const HARD = "a b+c%d&e=f;g/h?i:j@k,l$ !*'()~ ä€🔐";

module.exports = {
  HARD,
  HARD_PAIRS: { q: HARD, [HARD]: 'v', empty: '', sum: '1+1=2' },
  REPEATED: { a: ['2', '10', ''], b: 'x' },
  JSON_BODY: JSON.stringify({ text: HARD, oauth_token: 'not a parameter' }),
  /** The gateway's URL, the file of the private key, the consumer's key. */
  args: () => process.argv.slice(2),
  report: (name, status, body) => console.log(JSON.stringify({ name, status, body: body ?? '' })),
};

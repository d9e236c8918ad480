// jira-connector. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs.
'use strict';

// >>> docs
const fs = require('node:fs');
const JiraClient = require('jira-connector');
// <<< docs
const { HARD, args, report } = require('./node_calls.js');

const [gateway, keyFile, consumer] = args();
// >>> docs
const { protocol, hostname, port } = new URL(gateway);
const jira = new JiraClient({
  protocol,
  host: hostname,
  port,
  oauth: {
    consumer_key: consumer,
    private_key: fs.readFileSync(keyFile, 'ascii'),
    token: Buffer.alloc(0), // it insists on a token: this passes its check, and is sent as the empty text
    token_secret: 'unused',
  },
});
const answer = jira.myself.getMyself();
// <<< docs

async function call(name, promise) {
  try {
    const body = await promise;
    report(name, 200, typeof body === 'string' ? body : JSON.stringify(body));
  } catch (error) {
    const { statusCode, body } = JSON.parse(error);
    report(name, statusCode, typeof body === 'string' ? body : JSON.stringify(body));
  }
}

async function calls() {
  await call('myself', answer);
  await call('search', jira.search.search({ method: 'GET', jql: `summary ~ "${HARD}"` }));
  await call('search_by_post', jira.search.search({ jql: `summary ~ "${HARD}"` }));
  await call('create', jira.issue.createIssue({ fields: { summary: HARD } }));
  await call('update', jira.issue.editIssue({ issueKey: 'DEMO-1', issue: { fields: { summary: HARD } } }));
  await call('delete', jira.issue.deleteIssue({ issueKey: 'DEMO-1', deleteSubtasks: true }));
  const withToken = (token) => new JiraClient({ protocol, host: hostname, port, oauth: { ...jira.oauthConfig, token } });
  await call('a_token', withToken('nobodys').myself.getMyself());
  // An empty list passes its check too, is sent as the empty text, and is left out of the signature.
  await call('token_of_an_empty_list', withToken([]).myself.getMyself());
  try {
    withToken('');
  } catch (error) {
    report('token_of_an_empty_string', 0, error.message);
  }
}

calls();

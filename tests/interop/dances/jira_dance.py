"""jira acts as a user who allowed it; the tokens are fetched as its documentation says. Arguments: GATEWAY PRIVATE.pem CONSUMER CALLBACK."""

from urllib.parse import parse_qs

# >>> docs
from jira import JIRA
from oauthlib.oauth1 import SIGNATURE_RSA
from requests_oauthlib import OAuth1Session
# <<< docs
from jira import JIRAError
from steps import arguments, consent, step

gateway, private_key, consumer, callback = arguments()
# >>> docs
oauth = f"{gateway}/plugins/servlet/oauth"
session = OAuth1Session(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key, callback_uri=callback)
session.fetch_request_token(f"{oauth}/request-token")
consent_page = session.authorization_url(f"{oauth}/authorize")
# <<< docs
returned = consent(consent_page)
verifier = returned if callback == "oob" else parse_qs(returned.partition("?")[2])["oauth_verifier"][0]
# >>> docs
token = session.fetch_access_token(f"{oauth}/access-token", verifier=verifier)
jira = JIRA(
    server=gateway,
    oauth={
        "consumer_key": consumer,
        "key_cert": private_key,
        "signature_method": SIGNATURE_RSA,
        "access_token": token["oauth_token"],
        "access_token_secret": token["oauth_token_secret"],
    },
)
user = jira.myself()
# <<< docs
step("called", user=user["name"], version=jira.server_info()["versionNumbers"])
issue = jira.create_issue(fields={"project": {"key": "DEMO"}, "summary": "as the user", "issuetype": {"name": "Bug"}})
step("created", key=issue.key)
try:
    jira.myself()
except JIRAError as error:
    step("refused", status=error.status_code, body=error.text)

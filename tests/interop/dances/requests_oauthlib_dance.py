"""requests-oauthlib dances. Arguments: GATEWAY PRIVATE.pem CONSUMER CALLBACK."""

# >>> docs
from oauthlib.oauth1 import SIGNATURE_RSA
from requests_oauthlib import OAuth1Session
# <<< docs
from requests_oauthlib.oauth1_session import TokenRequestDenied
from steps import arguments, consent, step

gateway, private_key, consumer, callback = arguments()
# >>> docs
oauth = f"{gateway}/plugins/servlet/oauth"
session = OAuth1Session(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key, callback_uri=callback)
# <<< docs
session.trust_env = False  # without the proxies and the .netrc of whoever runs this
# >>> docs
session.fetch_request_token(f"{oauth}/request-token")
consent_page = session.authorization_url(f"{oauth}/authorize")
# <<< docs
returned = consent(consent_page)
try:
    if callback == "oob":
        token = session.fetch_access_token(f"{oauth}/access-token", verifier=returned)
    else:
        # >>> docs
        session.parse_authorization_response(returned)  # the URL that the user was sent back to
        token = session.fetch_access_token(f"{oauth}/access-token")
        # <<< docs
except TokenRequestDenied as denied:
    step("refused", status=denied.status_code, body=denied.response.text)
else:
    # >>> docs
    answer = session.get(f"{gateway}/rest/api/2/myself")
    # <<< docs
    step("called", status=answer.status_code, body=answer.text)
    renewal = {"oauth_session_handle": token["oauth_session_handle"]}
    # The session handle is a protocol parameter, which oauthlib takes from the body.
    renewed = session.post(f"{oauth}/access-token", data=renewal)
    step("renewed", status=renewed.status_code, body=renewed.text)

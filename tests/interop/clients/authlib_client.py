"""authlib with requests. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs."""

# >>> docs
from authlib.integrations.requests_client import OAuth1Session
from authlib.oauth1 import SIGNATURE_RSA_SHA1
# <<< docs
import os

from python_calls import HARD_PAIRS, JSON, REPEATED, arguments, report

gateway, key_file, consumer = arguments()
# >>> docs
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # only for a gateway without TLS: authlib refuses to sign for http:// else
private_key = open(key_file).read()
session = OAuth1Session(consumer, rsa_key=private_key, signature_method=SIGNATURE_RSA_SHA1)
answer = session.get(f"{gateway}/rest/example")
# <<< docs
report("get_plain", answer)
session.trust_env = False  # from here on without the proxies and the .netrc of whoever runs this
report("get_hard", session.get(f"{gateway}/get_hard", params=HARD_PAIRS))
report("get_repeated", session.get(f"{gateway}/get_repeated", params=REPEATED))
report("post_form", session.post(f"{gateway}/post_form", data=HARD_PAIRS))
report("post_form_repeated", session.post(f"{gateway}/post_form_repeated", data=REPEATED))
report("post_form_and_query", session.post(f"{gateway}/post_form_and_query", params=[("a", "1")], data=REPEATED))
report("post_json", session.post(f"{gateway}/post_json", json=JSON))
report("put_form", session.put(f"{gateway}/put_form", data=HARD_PAIRS))
report("put_json", session.put(f"{gateway}/put_json", json=JSON))
report("delete", session.delete(f"{gateway}/delete", params=[("force", "yes please")]))


def another(**settings: object) -> OAuth1Session:
    other = OAuth1Session(consumer, rsa_key=private_key, signature_method=SIGNATURE_RSA_SHA1, **settings)
    other.trust_env = False
    return other


report("get_in_query", another(signature_type="QUERY").get(f"{gateway}/get_in_query", params=REPEATED))
report("post_in_body", another(signature_type="BODY").post(f"{gateway}/post_in_body", data=REPEATED))
# With the body in the signature authlib sends an oauth_body_hash.
report("post_json_body_hash", another(force_include_body=True).post(f"{gateway}/post_json_body_hash", json=JSON))

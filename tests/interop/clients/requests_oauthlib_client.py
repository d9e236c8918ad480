"""requests-oauthlib. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs."""

# >>> docs
import requests
from oauthlib.oauth1 import SIGNATURE_RSA
from requests_oauthlib import OAuth1
# <<< docs
from python_calls import HARD_PAIRS, JSON, REPEATED, arguments, report

gateway, key_file, consumer = arguments()
# >>> docs
private_key = open(key_file).read()
session = requests.Session()
session.auth = OAuth1(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key)
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
session.auth = OAuth1(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key, signature_type="QUERY")
report("get_in_query", session.get(f"{gateway}/get_in_query", params=REPEATED))
session.auth = OAuth1(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key, signature_type="BODY")
report("post_in_body", session.post(f"{gateway}/post_in_body", data=REPEATED))

ANNA = [("xoauth_requestor_id", "anna")]
session.auth = OAuth1(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key)
report("get_as_anna", session.get(f"{gateway}/get_as_anna", params=ANNA))
session.auth = OAuth1(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key, signature_type="QUERY")
report("get_as_anna_in_query", session.get(f"{gateway}/get_as_anna_in_query", params=ANNA))
session.auth = OAuth1(consumer, signature_method=SIGNATURE_RSA, rsa_key=private_key, signature_type="BODY")
report("post_as_anna_in_body", session.post(f"{gateway}/post_as_anna_in_body", data=ANNA))

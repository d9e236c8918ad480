"""atlassian-python-api. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs."""

# >>> docs
from atlassian import Jira
# <<< docs
from types import SimpleNamespace

from python_calls import HARD_PAIRS, JSON, arguments, report

gateway, key_file, consumer = arguments()
# >>> docs
oauth = {
    "consumer_key": consumer,
    "key_cert": open(key_file).read(),
    "access_token": "",
    "access_token_secret": "",
}
jira = Jira(url=gateway, oauth=oauth, advanced_mode=True)  # advanced: answers as they come, with their status
answer = jira.get("rest/example")
# <<< docs
report("get_plain", answer)
report("get_hard", jira.get("get_hard", params=dict(HARD_PAIRS)))
report("get_repeated", jira.get("get_repeated", params={"a": ["2", "10", ""], "b": "x"}))
report("post_json", jira.post("post_json", json=JSON))
report("put_json", jira.put("put_json", data=JSON))
report("delete", jira.delete("delete", params={"force": "yes please"}))
# What it takes for a form it writes as JSON, which oauthlib then refuses to sign under a form's Content-Type.
try:
    report("post_form", jira.post("post_form", data=dict(HARD_PAIRS), headers=jira.form_token_headers))
except ValueError as error:
    report("post_form", SimpleNamespace(status_code=0, text=str(error)))
sha1 = Jira(url=gateway, oauth=oauth | {"signature_method": "RSA-SHA1"}, advanced_mode=True)
report("get_sha1", sha1.get("get_sha1", params={"force": "yes please"}))

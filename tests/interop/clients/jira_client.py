"""jira. Arguments: GATEWAY PRIVATE.pem CONSUMER; the calls are those of tests/foreign/clients.rs."""

# >>> docs
from jira import JIRA
# <<< docs
from types import SimpleNamespace

from jira import JIRAError
from python_calls import HARD, arguments, report

gateway, key_file, consumer = arguments()
# >>> docs
oauth = {
    "consumer_key": consumer,
    "key_cert": open(key_file).read(),
    "signature_method": "RSA-SHA1",  # else it tries HMAC-SHA1 first, which is refused, and then RSA-SHA1
    "access_token": "",
    "access_token_secret": "",
}
jira = JIRA(server=gateway, oauth=oauth)
user = jira.myself()
# <<< docs


def done(name: str, said: object) -> None:
    report(name, SimpleNamespace(status_code=200, text=str(said)))


done("connect", user["name"])
issue = jira.create_issue(fields={"project": {"key": "DEMO"}, "summary": HARD, "issuetype": {"name": "Bug"}})
done("create", issue.key)
done("update", issue.update(fields={"summary": HARD}, notify=False))
(found,) = jira.search_issues(f'summary ~ "{HARD}"')
done("search", found.key)
done("delete", issue.delete(deleteSubtasks=True))
try:
    JIRA(server=gateway, oauth=oauth | {"access_token": "nobodys"}, max_retries=0)
except JIRAError as error:
    report("a_token", SimpleNamespace(status_code=error.status_code, text=error.text))

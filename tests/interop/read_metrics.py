"""Reads metrics as Prometheus' own client library does, strictly, and prints what they say.

    read_metrics.py openmetrics|text < page

Prints a JSON object: each family's name, with its type and its samples as [name, labels, value].
"""

import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

parse = {"openmetrics": openmetrics_parser, "text": parser}[sys.argv[1]].text_string_to_metric_families
families = {}
for family in parse(sys.stdin.read()):
    samples = [[sample.name, sample.labels, sample.value] for sample in family.samples]
    assert family.name not in families, f"{family.name} stands twice"
    assert family.documentation, f"{family.name} is not explained"
    families[family.name] = {"type": family.type, "unit": family.unit, "samples": samples}
print(json.dumps(families))

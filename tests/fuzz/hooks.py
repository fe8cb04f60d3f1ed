"""What schemathesis asks for, with objects that are there, and what it was answered.

Made-up ids find nothing, so three of four requests name a campaign or friend of one of the two
businesses. Which one is told by a count, so that a seed repeats a run. Everything that was answered
is counted; an answer of class 500, or one that holds a byte of the other business, fails the run.
"""

import atexit
import collections
import json
import os

import schemathesis

OBJECTS = json.loads(os.environ["CHINGU_FUZZ_OBJECTS"])
MARK = os.environ["CHINGU_FUZZ_MARK"].encode()
counted = {"calls": 0, "class_500": [], "leaks": [], "statuses": collections.Counter()}


@schemathesis.hook
def before_call(context, case, kwargs):
    counted["calls"] += 1
    turn = counted["calls"]
    if turn % 4 == 0:
        return
    for name in list(case.path_parameters or {}):
        known = OBJECTS.get(name)
        if known:
            case.path_parameters[name] = known[turn % len(known)]


@schemathesis.hook
def after_call(context, case, response):
    where = f"{case.method.upper()} {case.path}"
    counted["statuses"][f"{where} {response.status_code}"] += 1
    if response.status_code >= 500:
        counted["class_500"].append(f"{where}: {response.status_code} {case.path_parameters}")
    headers = json.dumps(dict(response.headers), default=str).encode()
    if MARK in response.content or MARK in headers:
        counted["leaks"].append(where)


@atexit.register
def tell():
    with open(os.environ["CHINGU_FUZZ_RESULT"], "w", encoding="utf-8") as file:
        json.dump(counted, file)

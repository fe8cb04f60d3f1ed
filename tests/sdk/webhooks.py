"""What a brand's program got, read by the parser of LINE's official Python library.

Reads JSON: a channel's secret, and requests with signature and body. Prints JSON: for each request
the names of the classes that its events became, with the class of its content for a message. An
event without a field that the library wants becomes an `UnknownEvent`; a wrong signature is an
error.
"""

import json
import sys

from linebot.v3 import WebhookParser

got = json.load(sys.stdin)
parser = WebhookParser(got["secret"])


def name(event):
    """The class of an event, and of what somebody wrote."""
    message = getattr(event, "message", None)
    parts = [event] if message is None else [event, message]
    return " ".join(type(part).__name__ for part in parts)


names = [
    [name(event) for event in parser.parse(request["body"], request["signature"])]
    for request in got["requests"]
]
print(json.dumps(names))

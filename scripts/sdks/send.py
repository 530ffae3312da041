"""Sends the messages of a plan, JSON on standard input, with segment-analytics-python."""

import json
import sys
from datetime import datetime

from segment.analytics.client import Client


def send(client, message):
    call = message["call"]
    who = {}
    if "userId" in message:
        who["user_id"] = message["userId"]
    if "anonymousId" in message:
        who["anonymous_id"] = message["anonymousId"]
    if "timestamp" in message:
        who["timestamp"] = datetime.fromisoformat(message["timestamp"].replace("Z", "+00:00"))
    details = message.get("details")
    if call == "track":
        client.track(event=message["name"], properties=details, **who)
    elif call == "identify":
        client.identify(traits=details, **who)
    elif call == "group":
        client.group(group_id=message["groupId"], traits=details, **who)
    elif call == "alias":
        client.alias(previous_id=message["previousId"], user_id=message["userId"])
    else:
        getattr(client, call)(name=message["name"], properties=details, **who)


def main():
    plan = json.load(sys.stdin)
    failures = []
    client = Client(
        plan["writeKey"],
        host=plan["url"],
        gzip=plan["gzip"],
        upload_size=5,
        upload_interval=0.1,
        max_retries=10,
        on_error=lambda error, items: failures.append(error),
    )
    for message in plan["messages"]:
        send(client, message)
    client.flush()
    client.join()
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


main()

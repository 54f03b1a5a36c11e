#!/usr/bin/env python3
"""Submit a prompt, hang up, come back, and read the answer. Python's standard library only.

    JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=... python3 examples/client_example.py "a prompt"
"""

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("JETSCRIBE_URL", "http://127.0.0.1:8000").rstrip("/")
KEY = os.environ.get("JETSCRIBE_KEY", "")

# The statuses of a call that may work later, and what a lost connection raises.
PASSING = (408, 429, 502, 503, 504)
LOST = (OSError, http.client.HTTPException)


def call(method, path, body=None, headers=None, timeout=90):
    """Makes one call and returns its open answer. Raises urllib.error.HTTPError for a refusal."""
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "X-API-Key": KEY,
            **({} if body is None else {"Content-Type": "application/json"}),
            **(headers or {}),
        },
    )
    return urllib.request.urlopen(request, timeout=timeout)


def call_json(method, path, body=None, headers=None, tries=6):
    """Makes a call, again where it fails in passing, and returns its JSON."""
    for attempt in range(tries):
        after = 0.0
        try:
            with call(method, path, body, headers) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in PASSING or attempt + 1 == tries:
                raise
            after = float(error.headers.get("Retry-After") or 0)
        except LOST:
            if attempt + 1 == tries:
                raise
        time.sleep(after + random.random() * min(10, 0.25 * 2**attempt))


def submit(prompt, **params):
    """Has a prompt accepted, once, however often the call has to be made; returns the task's id."""
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    accepted = call_json("POST", "/generate", {"prompt": prompt, **params}, headers)
    return accepted["task_id"]


def wait(task_id, seconds=300):
    """Asks for the outcome until it is there. Each call waits on the server. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        answer = call_json("GET", f"/result/{task_id}?wait={min(50, left):.1f}")
        if answer["status"] not in ("queued", "processing"):
            return answer
        time.sleep(0.1)
    raise TimeoutError(f"{task_id} has no outcome after {seconds} s")


def stream(task_id, last_event_id=""):
    """Yields (event, id, data) up to the outcome. Connects again where the connection is lost."""
    while True:
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        try:
            with call("GET", f"/stream/{task_id}", headers=headers) as answer:
                if answer.status == 204:
                    return
                for event, event_id, data in read_events(answer):
                    last_event_id = event_id or last_event_id
                    yield event, event_id, data
                    if event in ("completed", "failed", "cancelled"):
                        return
        except urllib.error.HTTPError as error:
            if error.code not in PASSING:
                raise
        except LOST:
            pass
        time.sleep(random.random())


def read_events(answer):
    """Server-Sent Events: fields in lines, an empty line behind each event."""
    event, event_id, data = "message", "", []
    for raw in answer:
        line = raw.decode().rstrip("\r\n")
        if line == "":
            if data:
                yield event, event_id, json.loads("\n".join(data))
            event, event_id, data = "message", "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "id":
            event_id = value
        elif name == "data":
            data.append(value)


def main():
    prompt = " ".join(sys.argv[1:]) or "Once upon a time"

    task_id = submit(prompt, max_tokens=64)
    print(f"accepted: {task_id}")

    # The connection is gone already. Whoever has the id, here or on another machine, can go on.
    status = call_json("GET", f"/status/{task_id}")
    print(f"status: {status['status']}")

    for event, _, data in stream(task_id):
        if event == "token":
            print(data["text"], end="", flush=True)
        elif event == "reset":
            print("\n(the task began anew)")
    print()

    outcome = wait(task_id)
    print(f"outcome: {outcome['status']}")
    if outcome["status"] == "completed":
        metrics = outcome["metrics"]
        print(
            f"{metrics['completion_tokens']} tokens, "
            f"{metrics['tokens_per_second']:.1f} tokens/s"
        )
    return 0 if outcome["status"] == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())

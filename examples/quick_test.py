#!/usr/bin/env python3
"""Looks whether a running system works: health, ten prompts at once, a cancel. Python's standard library only.

    JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=... python3 examples/quick_test.py
"""

import json
import sys
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

from client_example import call, call_json, submit, wait

PROMPTS = 10


def check(name, holds, detail=""):
    """Prints one line of the report; returns whether it holds."""
    print(f"{'ok' if holds else 'FAILED':>6}  {name}{f': {detail}' if detail else ''}")
    return holds


def health():
    """What /health says; it says it with a 503 too."""
    try:
        with call("GET", "/health") as answer:
            return json.load(answer)["status"]
    except urllib.error.HTTPError as error:
        return json.load(error)["status"]


def cancelled():
    """Cancels a task that would run for long; returns what became of it."""
    task_id = submit("Once upon a time", raw=True, max_tokens=400, ignore_eos=True)
    try:
        call_json("POST", f"/cancel/{task_id}")
    except urllib.error.HTTPError as error:
        if error.code != 409:  # It ended first.
            raise
    return wait(task_id)["status"]


def answer(number):
    task_id = submit(f"Say the number {number}.", max_tokens=16)
    return task_id, wait(task_id)


def main():
    status = health()
    passed = [check("healthy", status == "healthy", status)]

    start = time.monotonic()
    with ThreadPoolExecutor(PROMPTS) as pool:
        answers = list(pool.map(answer, range(PROMPTS)))
    seconds = time.monotonic() - start
    completed = [o for _, o in answers if o["status"] == "completed"]
    passed.append(
        check(
            f"{PROMPTS} prompts at once",
            len(completed) == PROMPTS and len({i for i, _ in answers}) == PROMPTS,
            f"{len(completed)} completed in {seconds:.1f} s",
        )
    )

    status = cancelled()
    passed.append(check("a cancel", status == "cancelled", status))

    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())

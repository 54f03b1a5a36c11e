#!/usr/bin/env python3
"""Looks whether a running system works: health, ten prompts at once, a cancel. Python's standard library only.

    JETSCRIBE_URL=http://127.0.0.1:8000 JETSCRIBE_KEY=... python3 examples/quick_test.py
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from client_example import call_json, submit, wait

PROMPTS = 10


def check(name, holds, detail=""):
    """Prints one line of the report; returns whether it holds."""
    print(f"{'ok' if holds else 'FAILED':>6}  {name}{f': {detail}' if detail else ''}")
    return holds


def answer(number):
    task_id = submit(f"Say the number {number}.", max_tokens=16)
    return task_id, wait(task_id)


def main():
    health = call_json("GET", "/health")
    passed = [check("healthy", health["status"] == "healthy", health["status"])]

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

    task_id = submit("Once upon a time", raw=True, max_tokens=400, ignore_eos=True)
    call_json("POST", f"/cancel/{task_id}")
    passed.append(check("a cancel", wait(task_id)["status"] == "cancelled"))

    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Submit a prompt and read its outcome by request and reply on NATS (pip install nats-py[nkeys]).

    NATS_URL=nats://127.0.0.1:... NATS_NKEY_FILE=... python3 examples/nats_api.py OWNER "a prompt"
"""

import asyncio
import json
import os
import sys
import uuid

import nats
from nats.errors import Error as NoAnswer


class Refused(Exception):
    """The gateway answered with a problem."""


async def call(client, subject, body, timeout=10, headers=None):
    """The answer's body; raises Refused, or NoAnswer where none comes."""
    payload = json.dumps(body).encode()
    answer = await client.request(subject, payload, timeout=timeout, headers=headers)
    refusal = (answer.headers or {}).get("Nats-Service-Error")
    if refusal is not None:
        raise Refused(f"{refusal}: {answer.data.decode()}")
    return json.loads(answer.data)


async def main(owner="default", prompt="Once upon a time"):
    client = await nats.connect(
        os.environ.get("NATS_URL", "nats://127.0.0.1:4222"),
        nkeys_seed=os.environ.get("NATS_NKEY_FILE"),
    )
    own = f"llm.api.{owner}"
    body = {"prompt": prompt, "max_tokens": 64}
    # Where no answer comes, the same call again: with the same key it makes no second task.
    once = {"Idempotency-Key": str(uuid.uuid4())}
    try:
        accepted = await call(client, f"{own}.generate", body, headers=once)
    except NoAnswer:
        accepted = await call(client, f"{own}.generate", body, headers=once)
    task_id = accepted["task_id"]
    print(f"accepted: {task_id}")
    outcome = {"status": "queued"}
    while outcome["status"] in ("queued", "processing"):
        asked = {"task_id": task_id, "wait": 60}
        outcome = await call(client, f"{own}.result", asked, timeout=70)
    if "result" in outcome:
        print(outcome["result"])
    print(f"outcome: {outcome['status']}")
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

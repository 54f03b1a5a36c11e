/** The system in containers, from a fresh clone: what it promises, and what its containers may do. */
import { eventually } from "@jetscribe/testing";
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  call,
  lineCounts,
  logLines,
  outcome,
  outcomes,
  post,
  postMany,
} from "../flow/client.ts";
import { readAll, textOf } from "../flow/sse.ts";
import { makeComposeStack, type ComposeStack } from "./composeStack.ts";
import { docker, inspect } from "./shell.ts";

const services = [
  ...["nats", "redis", "gateway", "inference", "results", "logger"],
  "webhooks",
];

describe("the system in containers", () => {
  let stack: ComposeStack;
  beforeAll(async () => {
    stack = await makeComposeStack();
    await stack.up();
  });
  afterAll(() => stack.remove());

  /** All outcomes are there, and each task has one line in the log. */
  async function assertAllDone(ids: string[]): Promise<void> {
    const results = await outcomes(stack, ids);
    const bad = results.filter(({ status }) => status !== "completed");
    assert.deepEqual(bad, []);
    const counts = await lineCounts(stack.logDir, ids);
    assert.deepEqual(new Set(counts), new Set([1]));
  }

  /** What this machine's kernel says of a container's first process and of all that came out of it. */
  async function processesOf(container: string): Promise<string[]> {
    const found: string[] = [];
    const open = [await inspect(container, "{{.State.Pid}}")];
    for (let pid; (pid = open.pop()) !== undefined;) {
      found.push(await readFile(`/proc/${pid}/status`, "utf8"));
      const children = `/proc/${pid}/task/${pid}/children`;
      open.push(...(await readFile(children, "utf8")).split(" ").filter(Boolean)); // prettier-ignore
    }
    return found;
  }

  test("answers the README's calls", async () => {
    const id = await post(stack, { user_id: "ada" });
    const done = await outcome(stack, id);
    assert.equal(done["status"], "completed");
    assert.match(String(done["result"]), /^Quantum computing is/);
    const state = await call(stack, `/status/${id}`);
    assert.equal(state.body["status"], "completed");

    const waited = await call(stack, "/generate", {
      method: "POST",
      headers: { prefer: "wait=30" },
      body: JSON.stringify({ prompt: "What is the capital of France?" }),
    });
    assert.equal(waited.status, 200);

    const events = await readAll(stack, id);
    assert.equal(events.at(-1)?.event, "completed");
    assert.equal(textOf(events), done["result"]);

    const late = await call(stack, `/cancel/${id}`, { method: "POST" });
    assert.equal(late.status, 409);
    const wrong = await call(stack, "/generate", {
      method: "POST",
      body: JSON.stringify({ prompt: "", colour: "red" }),
    });
    assert.equal(wrong.status, 400);
    const stranger = await call({ ...stack, key: "wrong" }, `/status/${id}`);
    assert.equal(stranger.status, 401);
    const health = await call(stack, "/health");
    assert.equal(health.body["status"], "healthy");
  });

  test("writes its log files on the host, as the owner of the checkout", async () => {
    const id = await post(stack);
    await outcome(stack, id);
    assert.deepEqual(await lineCounts(stack.logDir, [id]), [1]);
    for (const name of ["llm_requests.log", "errors.log", "app.log"]) {
      const { uid, gid } = await stat(join(stack.logDir, name));
      assert.deepEqual({ uid, gid }, stack.owner, name);
    }
  });

  test("gives no process a right, and no file to write but in its volumes", async () => {
    for (const service of services) {
      const id = await stack.container(service);
      for (const status of await processesOf(id)) {
        const of = (field: string) =>
          new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)?.[1];
        const uids = of("Uid")?.split("\t") ?? ["0"];
        assert.ok(!uids.includes("0"), `${service} runs as root`);
        assert.match(of("CapPrm") ?? "", /^0+$/, service);
        assert.match(of("CapEff") ?? "", /^0+$/, service);
        assert.equal(of("NoNewPrivs"), "1", service);
      }
      assert.equal(
        await inspect(id, "{{.HostConfig.ReadonlyRootfs}}"),
        "true",
        service,
      );
      const writable = await inspect(
        id,
        "{{range .Mounts}}{{if .RW}}{{.Destination}} {{end}}{{end}}",
      );
      const folders = writable.split(" ").toSorted().join(" ");
      assert.match(folders, /^(\/(data|logs))? ?(\/data\/webhooks)?$/, service);
      const limits = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}";
      assert.match(await inspect(id, limits), /^[1-9]\d+ [1-9]\d+$/, service);
    }
  });

  test("gives each service the seed of its own user, and of no other", async () => {
    const withUser = ["gateway", "inference", "results", "logger", "webhooks"];
    for (const service of services) {
      const id = await stack.container(service);
      const mounts = "{{range .Mounts}}{{.Name}} {{end}}";
      const seeds = (await inspect(id, mounts)).match(/user-\w+|accounts/g);
      const own = withUser.includes(service) ? [`user-${service}`] : null;
      assert.deepEqual(seeds, own, service);
    }
  });

  test("lets another system read the events, lists it, and shuts it out", async () => {
    const run = ["run", "--rm", "-T"];
    const subscribers = (...args: string[]) =>
      stack.compose(...run, "subscribers", ...args);
    // It ends once the broker answers the subscriber.
    const added = await subscribers("add", "alarms", "--json");
    const { nkey_file: file } = JSON.parse(added) as { nkey_file: string };
    const cat = [...run, "--entrypoint", "cat", "subscribers"];
    assert.match(await stack.compose(...cat, file), /^SU[A-Z2-7]{56}$/);
    await outcome(stack, await post(stack));
    const { pending, ...listed } = JSON.parse(
      await subscribers("list", "--json"),
    ) as { pending: number };
    assert.partialDeepStrictEqual(listed, {
      ...{ name: "alarms", durable: true, account: true },
    });
    assert.ok(pending >= 3, `${pending} events wait`);
    // It ends once the broker refuses the subscriber.
    assert.match(await subscribers("remove", "alarms"), /alarms is shut out/);
    assert.equal(await subscribers("list"), "there are no subscribers");
  });

  test("publishes the gateway alone, on loopback", async () => {
    const published: string[] = [];
    for (const service of services) {
      const id = await stack.container(service);
      const ports = await docker("port", id);
      if (ports !== "") published.push(`${service} ${ports}`);
    }
    const { port } = new URL(stack.url);
    assert.deepEqual(published, [`gateway 8000/tcp -> 127.0.0.1:${port}`]);
  });

  test("has its key in no image, no inspection and no log", async () => {
    for (const service of services) {
      const id = await stack.container(service);
      const image = await inspect(id, "{{.Image}}");
      const history = await docker("history", "--no-trunc", image);
      const said = await docker("inspect", id, image);
      for (const text of [history, said]) assert.ok(!text.includes(stack.key));
    }
    assert.ok(!(await stack.compose("logs")).includes(stack.key));
  });

  test("lets a worker finish what it runs when it is stopped", async () => {
    const ids = await postMany(stack, 8, { max_tokens: 256 });
    await stack.compose("stop", "inference");
    const id = await stack.container("inference");
    assert.equal(await inspect(id, "{{.State.ExitCode}}"), "0");
    await stack.compose("start", "inference");
    await assertAllDone(ids);
  });

  test("a service that is stopped while it starts does not wait to be killed", async () => {
    for (const service of ["inference", "results", "logger", "webhooks"]) {
      await stack.compose("restart", "--timeout", "40", service);
      await stack.compose("stop", service);
      const id = await stack.container(service);
      assert.notEqual(await inspect(id, "{{.State.ExitCode}}"), "137", service);
    }
    await stack.up();
  });

  test("down, and up again: none of 40 queued tasks is lost", async () => {
    await stack.compose("stop", "inference");
    const ids = await postMany(stack, 40, { max_tokens: 48 });
    const waiting = await call(stack, `/status/${ids[39]}`);
    assert.equal(waiting.body["status"], "queued");
    const { key } = stack;
    await stack.compose("down");
    await stack.up();
    assert.equal(stack.key, key);
    await assertAllDone(ids);
  });

  for (const service of services)
    test(`docker kill of ${service} loses nothing`, async () => {
      const ids = await postMany(stack, 8, { max_tokens: 128 });
      const id = await stack.container(service);
      await docker("kill", id);
      assert.equal(await inspect(id, "{{.State.ExitCode}}"), "137");
      // What can be accepted meanwhile has to be done as well.
      const meanwhile = await post(stack).catch(() => undefined);
      await stack.up();
      await assertAllDone(meanwhile === undefined ? ids : [...ids, meanwhile]);
    });

  test("a process that ends by itself is started again", async () => {
    const id = await stack.container("results");
    const end = ["node", "-e", "process.kill(1, 'SIGTERM')"];
    await docker("exec", id, ...end);
    await eventually(
      async () => (await inspect(id, "{{.RestartCount}}")) !== "0",
      { everyMs: 200 },
    );
    await stack.up();
    await assertAllDone([await post(stack)]);
  });

  /** What a container with this address on the outer network gets that claims to have come over TLS. */
  async function hstsFor(address: string): Promise<string> {
    const gateway = await stack.container("gateway");
    const [network = ""] =
      (await inspect(gateway, "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}")) // prettier-ignore
        .split(" ")
        .filter((name) => name.endsWith("_edge"));
    const ask = `fetch("http://gateway:8000/livez", { headers: { "x-forwarded-proto": "https" } })
      .then(({ headers }) => console.log(headers.get("strict-transport-security")))`;
    const where = ["--rm", "--network", network, "--ip", address];
    const image = await inspect(gateway, "{{.Image}}");
    return await docker("run", ...where, image, "node", "-e", ask);
  }

  test("a caller that is not ngrok's container can't speak as it does", async () => {
    assert.match(await hstsFor(`${stack.edgeNet}.3`), /max-age/);
    assert.equal(await hstsFor(`${stack.edgeNet}.4`), "null");
    const { headers } = await call(stack, "/livez", {
      headers: { "x-forwarded-proto": "https" },
    });
    assert.equal(headers.get("strict-transport-security"), null);
  });

  test("two of everything: a gateway dies, and the balancer goes on", async () => {
    await stack.up("--profile", "scale");
    const balanced = { ...stack, url: stack.balancerUrl };
    await assertAllDone(await postMany(balanced, 16, { max_tokens: 32 }));
    const claim = { headers: { "x-forwarded-proto": "https" } };
    const { headers } = await call(balanced, "/livez", claim);
    assert.equal(headers.get("strict-transport-security"), null);
    const both = await stack.compose("ps", "--services");
    assert.match(both, /logger-2/);

    await docker("kill", await stack.container("gateway"));
    const ids: string[] = [];
    await eventually(async () => {
      ids.push(await post(balanced, { max_tokens: 16 }));
      return ids.length >= 8;
    });
    const results = await outcomes(balanced, ids);
    assert.ok(results.every(({ status }) => status === "completed"));
    const [line] = await logLines(stack.logDir, ids[0]!);
    assert.match(line ?? "", /status=success/);
  });
});

import http from "node:http";
import net from "node:net";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** A container's health check: `node deploy/health.mjs SERVICE` ends with 0 while the service can do its work. */

// The logger's container is entered as root (logger.mjs says why).
if (process.getuid?.() === 0) process.setuid(1000);

const TIMEOUT_MS = 8000;
const broker = new URL(process.env.NATS_URL ?? "nats://127.0.0.1:4222");
// Before all subjects, as the schema has it.
const namespace = process.env.NAMESPACE ? `${process.env.NAMESPACE}.` : "";
const brokerPort = Number(broker.port || 4222);

const checks = {
  gateway: isReady,
  inference: hasModelLoaded,
  results: holdsBroker,
  logger: holdsBroker,
  webhooks: holdsBroker,
};

const check = checks[process.argv[2]];
if (!check)
  throw new Error(`usage: health.mjs ${Object.keys(checks).join("|")}`);
setTimeout(() => process.exit(1), TIMEOUT_MS);
process.exit((await check()) ? 0 : 1);

/** The gateway says so itself. */
function isReady() {
  const port = Number(process.env.PORT ?? 8000);
  return new Promise((resolve) => {
    http
      .get({ port, path: "/readyz" }, ({ statusCode }) =>
        resolve(statusCode === 200),
      )
      .once("error", () => resolve(false));
  });
}

/**
 * A worker announces itself every 2 s; this one's name begins with the name of the container. NATS's text protocol, as
 * its client would take longer to load than the check to run.
 */
async function hasModelLoaded() {
  const own = `"worker_id":"${hostname()}-`;
  // Here alone: the other checks need no cryptography.
  const { connectLine } =
    await import("../packages/event-log/src/accounts/connectLine.ts");
  const seedFile = process.env.NATS_NKEY_FILE;
  const seed = seedFile && readFileSync(seedFile, "utf8");
  return new Promise((resolve) => {
    let text = "";
    let isGreeted = false;
    const socket = net.connect(brokerPort, broker.hostname);
    socket.once("error", () => resolve(false));
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8");
      const lines = text.split("\r\n");
      if (!isGreeted && lines.length > 1) {
        isGreeted = true;
        const subscribe = `SUB ${namespace}llm.workers.*.* 1\r\n`;
        socket.write(connectLine(lines[0] ?? "", seed) + subscribe);
      }
      text = lines.pop() ?? "";
      const word = lines.find((line) => line.includes(own));
      if (word) resolve(word.includes('"model_loaded":true'));
    });
  });
}

/** A connection to the broker is established; the broker itself drops one that is silent. */
function holdsBroker() {
  const port = brokerPort.toString(16).toUpperCase().padStart(4, "0");
  return ["tcp", "tcp6"].some((kind) =>
    readFileSync(`/proc/net/${kind}`, "utf8")
      .split("\n")
      .some((line) => isEstablishedTo(port, line)),
  );
}

/** A line of /proc/net/tcp: number, local address, remote address, state. @param {string} port @param {string} line */
function isEstablishedTo(port, line) {
  const [, , remote = "", state] = line.trim().split(/\s+/);
  return remote.endsWith(`:${port}`) && state === "01";
}

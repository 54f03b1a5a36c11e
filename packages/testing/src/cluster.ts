import { once } from "node:events";
import { createServer } from "node:net";
import { freePort } from "./freePort.ts";
import { eventually } from "./eventually.ts";
import { startNats, type NatsOptions, type TestServer } from "./servers.ts";

/** A NATS cluster of real servers on this machine, each with data of its own. */
export interface NatsCluster extends AsyncDisposable {
  /** Of all nodes, with commas. */
  readonly url: string;
  readonly nodes: readonly TestServer[];
  /** The names of the clients that are connected to a node. */
  clients(node: number): Promise<string[]>;
  /** Waits until each node has all that it shall hold, and everything in it a leader. */
  whole(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions extends Pick<
  NatsOptions,
  "version" | "durability" | "config"
> {
  nodes?: number;
  /** Stands between two nodes, say to cut them off: gives the port by which node `from` reaches what listens at `port`. */
  link?: (ends: { from: number; to: number }, port: number) => Promise<number>;
}

const wholeWithinMs = 60_000;

/** Starts the nodes, and waits until they are one. */
export async function startNatsCluster({
  nodes: size = 3,
  link = (_ends, port) => Promise.resolve(port),
  config: further = [],
  ...options
}: ClusterOptions = {}): Promise<NatsCluster> {
  await using opened = new AsyncDisposableStack();
  const held: HeldPort[] = [];
  while (held.length < 2 * size) held.push(opened.use(await holdPort()));
  const ports = held.slice(0, size).map(({ port }) => port);
  const monitorPorts = held.slice(size).map(({ port }) => port);
  const nodes: TestServer[] = [];
  for (const [from, port] of ports.entries()) {
    const others = [...ports.entries()].filter(([to]) => to !== from);
    const routes = await Promise.all(
      others.map(([to, theirs]) => link({ from, to }, theirs)),
    );
    const monitorPort = monitorPorts[from] ?? 0;
    const config = [...configOf({ port, monitorPort, routes }), ...further];
    await held[from]?.free();
    await held[size + from]?.free();
    const name = `node-${from}`;
    nodes.push(opened.use(await startNats({ ...options, name, config })));
  }
  const whole = (timeoutMs = wholeWithinMs) =>
    eventually(
      async () =>
        (await Promise.all(monitorPorts.map(isHealthy))).every(Boolean),
      { timeoutMs, everyMs: 100 },
    ).then(() => undefined);
  await whole().catch((cause: unknown) => {
    const said = nodes.map((node) => node.output()).join("\n---\n");
    throw new Error(`the nodes are no cluster:\n${said}`, { cause });
  });
  const all = opened.move();
  const stop = () => all.disposeAsync();
  return {
    url: nodes.map(({ url }) => url).join(),
    clients: (node) => clientsOf(monitorPorts[node] ?? 0),
    ...{ nodes, whole, stop, [Symbol.asyncDispose]: stop },
  };
}

/** Where no program listens. */
const nobodysPort = 1;

/**
 * A node's configuration, on loopback: the port where the others reach it, the one of its monitoring, and the ports by
 * which it reaches the others.
 */
function configOf({
  port,
  monitorPort,
  routes,
}: {
  port: number;
  monitorPort: number;
  routes: readonly number[];
}): string[] {
  const cluster = [
    "name: jetscribe",
    `listen: "127.0.0.1:${port}"`,
    // Clients and members keep to the addresses that they were given: a test can cut those.
    "no_advertise: true",
    `advertise: "127.0.0.1:${nobodysPort}"`,
    `routes: [${routes.map((to) => `"nats://127.0.0.1:${to}"`).join(", ")}]`,
  ];
  return [
    `http: "127.0.0.1:${monitorPort}"`,
    `cluster {\n  ${cluster.join("\n  ")}\n}`,
  ];
}

interface HeldPort extends AsyncDisposable {
  port: number;
  free(): Promise<void>;
}

/** A port that nobody else is given before it is freed: the nodes start one after the other, and proxies in between. */
async function holdPort(): Promise<HeldPort> {
  const port = await freePort();
  const holder = createServer((socket) => socket.destroy());
  holder.listen(port, "127.0.0.1");
  await once(holder, "listening");
  const free = async () => {
    if (!holder.listening) return;
    holder.close();
    await once(holder, "close");
  };
  return { port, free, [Symbol.asyncDispose]: free };
}

async function clientsOf(monitorPort: number): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${monitorPort}/connz`);
  const { connections } = (await response.json()) as {
    connections: { name?: string }[];
  };
  return connections.map(({ name = "" }) => name);
}

/** By the server's own word: it has a leader, and its streams and consumers are not behind. */
async function isHealthy(monitorPort: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const url = `http://127.0.0.1:${monitorPort}/healthz`;
    return (await fetch(url, { signal })).ok;
  } catch {
    return false;
  }
}

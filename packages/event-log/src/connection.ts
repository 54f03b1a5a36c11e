/** The connection to the broker: it is kept for ever, and says when it comes and goes. */
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";

export interface Broker extends AsyncDisposable {
  /** For this package only. */
  readonly nc: NatsConnection;
  /** For this package only. */
  readonly jsm: JetStreamManager;
  /** False from the moment that a loss of the connection is noticed until it is back. */
  readonly connected: boolean;
  /** Bytes that a message can have, headers included. */
  readonly maxPayload: number;
  readonly serverVersion: string;
  /** Calls back each time that the connection is back, the first connect not counted. Returns the way to stop that. */
  onReconnect(listener: () => void): () => void;
  onDisconnect(listener: () => void): () => void;
  /** Resolves when there is a connection; rejects with the signal's reason. */
  whenConnected(signal?: AbortSignal): Promise<void>;
}

/**
 * Connects, waiting as long as it takes. `url` may be a list with commas; a user and password, or a token, may stand
 * in it. Whoever stops meanwhile aborts `signal`.
 */
export async function connectBroker({
  url,
  name,
  signal,
}: {
  url: string;
  /** Shown by the server's connection list. */
  name: string;
  signal?: AbortSignal;
}): Promise<Broker> {
  signal?.throwIfAborted();
  const connecting = connect({
    ...serversOf(url),
    name,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: 200,
    reconnectJitter: 100,
    // A server that restarts may refuse for a moment; two refusals in a row would otherwise close for good.
    ignoreAuthErrorAbort: true,
    pingInterval: 5_000,
    maxPingOut: 2,
  });
  const nc = await orAborted(connecting, signal).catch((error: unknown) => {
    void connecting.then((late) => late.close()).catch(() => undefined);
    throw error;
  });
  return await watch(nc);
}

/** What the URL says, as options: user, password and token are no part of a server's address. */
function serversOf(url: string) {
  const urls = url
    .split(",")
    .map((one) => new URL(one.includes("://") ? one : `nats://${one}`));
  const servers = urls.map(({ host }) => host);
  const tls = urls.some(({ protocol }) => protocol === "tls:")
    ? { tls: {} }
    : {};
  const { username = "", password = "" } = urls[0] ?? {};
  const [user, pass] = [username, password].map(decodeURIComponent);
  if (!user) return { servers, ...tls };
  return pass
    ? { servers, ...tls, user, pass }
    : { servers, ...tls, token: user };
}

async function watch(nc: NatsConnection): Promise<Broker> {
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 5_000 });
  const up = new Set<() => void>();
  const down = new Set<() => void>();
  let connected = true;
  const set = (now: boolean) => {
    if (connected === now) return;
    connected = now;
    for (const listener of now ? up : down) listener();
  };
  const watching = (async () => {
    for await (const { type } of nc.status()) {
      if (type === "disconnect") set(false);
      if (type === "reconnect") set(true);
    }
    set(false);
  })();
  const listen = (set: Set<() => void>, listener: () => void) => {
    set.add(listener);
    return () => void set.delete(listener);
  };
  return {
    nc,
    jsm,
    get connected() {
      return connected && !nc.isClosed();
    },
    get maxPayload() {
      return nc.info?.max_payload ?? 2 ** 20;
    },
    get serverVersion() {
      return nc.info?.version ?? "unknown";
    },
    onReconnect: (listener) => listen(up, listener),
    onDisconnect: (listener) => listen(down, listener),
    async whenConnected(signal) {
      if (connected) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = listen(up, resolve);
      await orAborted(promise, signal).finally(stop);
    },
    async [Symbol.asyncDispose]() {
      // Draining sends what was published; without a connection there is nobody to send it to.
      if (connected)
        await orAborted(nc.drain(), AbortSignal.timeout(2_000)).catch(
          () => undefined,
        );
      await nc.close();
      await watching;
    },
  };
}

/** The promise, or the signal's reason if that comes first. */
export async function orAborted<T>(
  promise: Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The connection to the broker: it is kept for ever, and says when it comes and goes. */
import { makeNames, type Names } from "@jetscribe/schema";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import {
  createInbox,
  errors,
  type Msg,
  type Subscription,
} from "@nats-io/nats-core";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { apiPrefix } from "../accounts/access.ts";
import { inboxPrefixOf, type Role } from "../accounts/roles.ts";
import { fastPaths } from "../fast/fastPaths.ts";
import { writeOncePerTurn } from "../fast/writeOncePerTurn.ts";
import { credentialOptions, type Credentials } from "./credentials.ts";
import { makePause, tryAgainMs } from "./dialPause.ts";
import { orAborted } from "./orAborted.ts";

/** For whoever reads the setting. */
export { isNamespace } from "@jetscribe/schema";

/** With what this system calls its streams, subjects and consumers there. */
export interface Broker extends AsyncDisposable, Names {
  /** For this package only. */
  readonly nc: NatsConnection;
  /** For this package only. */
  readonly jsm: JetStreamManager;
  /** Whose user it is; undefined where there are no credentials. */
  readonly role: Role | undefined;
  /** False from the moment that a loss of the connection is noticed until it is back. */
  readonly connected: boolean;
  /** Bytes that a message can have, headers included. */
  readonly maxPayload: number;
  readonly serverVersion: string;
  /** A new subject for answers, that this connection's user may subscribe to; `.*` behind it too. */
  createInbox(): string;
  /** Calls back each time that the connection is back, the first connect not counted. Returns the way to stop that. */
  onReconnect(listener: () => void): () => void;
  onDisconnect(listener: () => void): () => void;
  /** Gives the connection up and makes it anew, where it looks whole and isn't. */
  reconnect(): void;
  /** Resolves when there is a connection; rejects with the signal's reason. */
  whenConnected(signal?: AbortSignal): Promise<void>;
}

/** What a user may not do, though this system does it: the account's allow-lists are not this version's. */
export interface Forbidden {
  operation: "publish" | "subscription";
  subject: string;
}

/**
 * Connects, waiting as long as it takes. `url` may be a list with commas; a user and password, or a token, may stand
 * in it where there are no `credentials`. Whoever stops meanwhile aborts `signal`.
 */
export async function connectBroker({
  url,
  name,
  credentials,
  namespace,
  signal,
  onRefused,
  onForbidden,
}: {
  url: string;
  /** Shown by the server's connection list. */
  name: string;
  credentials?: Credentials | undefined;
  /** Stands before the names of streams, subjects and consumers; absent: nothing does. */
  namespace?: string | undefined;
  signal?: AbortSignal;
  /** Called with each reason why there is no connection, at the first connect and at later ones, once while it stays. */
  onRefused?: (reason: string) => void;
  /** Called with each thing that the server forbids, once. */
  onForbidden?: (forbidden: Forbidden) => void;
}): Promise<Broker> {
  const tell = tellOnce(credentials?.kind, onRefused);
  const names = makeNames(namespace);
  for (;;) {
    signal?.throwIfAborted();
    // Its own way of waiting for a broker that is not there yet can't be ended.
    const options = {
      ...{ ...serversOf(url), ...staying, ...makePause(), name },
      ...(credentials && credentialOptions(credentials)),
    };
    const connecting = connect(options);
    try {
      return await watch(await orAborted(connecting, signal), {
        ...{ names, tell, onForbidden },
        role: credentials?.role,
      });
    } catch (error) {
      if (signal?.aborted !== true) tell(error);
      void connecting.then((late) => late.close()).catch(() => undefined);
      await sleep(tryAgainMs, undefined, signal && { signal }).catch(
        () => undefined,
      );
    }
  }
}

type Tell = (error: unknown) => void;

/** Passes the reason of each error on once; undefined begins anew. Several servers may have different ones in turn. */
function tellOnce(
  kind: Credentials["kind"] | undefined,
  tell?: (reason: string) => void,
): Tell {
  const told = new Set<string>();
  return (error) => {
    if (error === undefined) return told.clear();
    const reason = reasonOf(error, kind);
    if (!told.has(reason)) {
      told.add(reason);
      tell?.(reason);
    }
  };
}

/** Of something that is forbidden again and again, with other ids in its subject, so many are passed on. */
const mostForbidden = 20;

function forbiddenOnce(pass: ((forbidden: Forbidden) => void) | undefined) {
  const passed = new Set<string>();
  return ({ operation, subject }: Forbidden) => {
    const what = `${operation} ${subject}`;
    if (passed.size >= mostForbidden || passed.has(what)) return;
    passed.add(what);
    pass?.({ operation, subject });
  };
}

/** What a server that lets nobody in has refused. Without a file it may want one. */
const refusedLogins = {
  nkey: "the user of the nkey",
  creds: "the user of the .creds file",
  none: "the user, password or token; it may want an nkey or a .creds file",
};

/** Why, in the words of the server or the system; neither repeats a user or a password. */
function reasonOf(
  error: unknown,
  kind: Credentials["kind"] | undefined,
): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  if (error instanceof errors.AuthorizationError)
    return `it refuses ${refusedLogins[kind ?? "none"]} (${message})`;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}

const staying = {
  maxReconnectAttempts: -1,
  // A server that restarts may refuse for a moment; two refusals in a row would otherwise close for good.
  ignoreAuthErrorAbort: true,
  // A frozen broker is noticed within three of these; one that accepts and says nothing at the time-out.
  pingInterval: 3_000,
  maxPingOut: 2,
  timeout: 5_000,
};

/** What the URL says, as options: user, password and token are no part of a server's address. */
export function serversOf(url: string) {
  const urls = url
    .split(",")
    .map((one) => new URL(one.includes("://") ? one : `nats://${one}`));
  const servers = urls.map(({ host }) => host);
  const isTls = urls.some(({ protocol }) => protocol === "tls:");
  const user = decodeURIComponent(urls[0]?.username ?? "");
  const pass = decodeURIComponent(urls[0]?.password ?? "");
  const login = pass === "" ? { token: user } : { user, pass };
  return { servers, ...(isTls && { tls: {} }), ...(user !== "" && login) };
}

/** Whether the server refused it since the user may not do it. */
export const isForbidden = (error: unknown): boolean =>
  error instanceof errors.PermissionViolationError ||
  (error instanceof errors.RequestError && isForbidden(error.cause));

async function watch(
  nc: NatsConnection,
  {
    names,
    tell,
    onForbidden,
    role,
  }: {
    names: Names;
    tell: Tell;
    onForbidden: ((forbidden: Forbidden) => void) | undefined;
    role: Role | undefined;
  },
): Promise<Broker> {
  if (fastPaths) writeOncePerTurn(nc);
  // Before anything is awaited, or a loss in between would never be told.
  const changes = nc.status();
  const jsm = await jetstreamManager(nc, {
    ...{ checkAPI: false, timeout: 5_000 },
    ...(role === "auditor" && { apiPrefix }),
  });
  const up = new Set<() => void>();
  const down = new Set<() => void>();
  let connected = true;
  const noteForbidden = forbiddenOnce(onForbidden);
  const set = (now: boolean) => {
    if (connected === now) return;
    connected = now;
    for (const listener of now ? up : down) listener();
  };
  const watching = (async () => {
    for await (const change of changes) {
      if (change.type === "disconnect") set(false);
      if (change.type === "error") {
        const { error } = change;
        if (error instanceof errors.PermissionViolationError)
          noteForbidden(error);
        else if (!connected) tell(error);
      }
      if (change.type === "reconnect") {
        tell(undefined);
        set(true);
      }
    }
    set(false);
  })();
  const listen = (set: Set<() => void>, listener: () => void) => {
    set.add(listener);
    return () => void set.delete(listener);
  };
  return {
    ...names,
    nc,
    jsm,
    role,
    get connected() {
      return connected && !nc.isClosed() && !nc.isDraining();
    },
    get maxPayload() {
      return nc.info?.max_payload ?? 2 ** 20;
    },
    get serverVersion() {
      return nc.info?.version ?? "unknown";
    },
    createInbox: () => createInbox(role && inboxPrefixOf(role)),
    onReconnect: (listener) => listen(up, listener),
    onDisconnect: (listener) => listen(down, listener),
    reconnect() {
      nc.reconnect().catch(() => undefined); // Closed, or on the way already.
    },
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

/**
 * Calls back with each message of a subject. An error there ends the process, as anywhere else: thrown into the client,
 * it would end its reading and leave a connection that hears nothing.
 */
export function subscribe(
  { nc }: Broker,
  subject: string,
  onMessage: (msg: Msg) => void,
  /** Of all subscriptions with the same `queue` one gets a message. */
  options: { queue?: string } = {},
): Subscription {
  return nc.subscribe(subject, {
    ...options,
    callback: (refused, msg) => {
      if (refused !== null) return;
      try {
        onMessage(msg);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    },
  });
}

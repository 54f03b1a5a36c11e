/** How far a broker has taken a change of its accounts in: a reload says nothing when it is done. */
import { errors, nkeyAuthenticator } from "@nats-io/nats-core";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { setTimeout as sleep } from "node:timers/promises";
import { serversOf } from "../broker/connection.ts";

/** A user of an account that is not the services'. */
export interface Guest {
  /** Of the broker. */
  url: string;
  seed: string;
  /** What the user may ask, and gets an answer to: a subject as its account imports it. Without it no answer is waited for. */
  question?: string;
}

/** Makes the broker read its accounts anew; need not wait until it has. */
export type Reload = () => Promise<void>;

/** Reloads that fell together were one, and the broker needs one more. */
const againAfterMs = 5_000;

/**
 * Calls `reload`, and resolves once the broker lets the user in and answers it. nats-server sets the imports of a new account
 * up at the reload after the one that brings the account, so `reload` has to bring about both; where no answer comes, it is
 * called again. An answer shows that both are over: a program that connects in between may be cut off in its handshake.
 * Rejects with the signal's reason.
 */
export async function bringIn(
  guest: Guest,
  reload: Reload,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await reload();
    const again = AbortSignal.timeout(againAfterMs);
    const either = AbortSignal.any([signal, again]);
    try {
      return await until(guest, (found) => found === "ready", either);
    } catch (error) {
      signal.throwIfAborted();
      if (!again.aborted) throw error;
    }
  }
}

/** Reloads, and resolves once the broker lets the user in, which needs no JetStream. Rejects with the signal's reason. */
export async function makeKnown(
  guest: Guest,
  reload: Reload,
  signal: AbortSignal,
): Promise<void> {
  await reload();
  const isIn = (found: Standing | undefined) =>
    found === "connected" || found === "ready";
  await until(guest, isIn, signal);
}

/** Reloads, and resolves once the broker refuses the user. Rejects with the signal's reason. */
export async function shutOut(
  guest: Guest,
  reload: Reload,
  signal: AbortSignal,
): Promise<void> {
  await reload();
  await until(guest, (found) => found === "refused", signal);
}

/**
 * - refused: the broker doesn't know the user
 * - connected: it lets the user in, and what its account imports leads nowhere yet
 * - ready: it answers the question
 */
type Standing = "refused" | "connected" | "ready";

const pauseMs = 20;

async function until(
  guest: Guest,
  isWanted: (standing: Standing | undefined) => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!isWanted(await standingOf(guest))) {
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** The broker may close a connection while it reloads, which the client takes for silence. */
const withinMs = 1_000;

/** Undefined where the broker can't say: it reloads just now, or is away. */
async function standingOf(guest: Guest): Promise<Standing | undefined> {
  const { servers, ...others } = serversOf(guest.url);
  let nc: NatsConnection | undefined;
  try {
    nc = await connect({
      ...{ servers, ...("tls" in others && { tls: {} }) },
      authenticator: nkeyAuthenticator(Buffer.from(guest.seed.trim())),
      ...{ timeout: withinMs, reconnect: false },
    });
    if (guest.question === undefined) return "connected";
    await nc.request(guest.question, "", { timeout: withinMs });
    return "ready";
  } catch (error) {
    if (error instanceof errors.AuthorizationError) return "refused";
    return nc && isUnanswered(error) ? "connected" : undefined;
  } finally {
    await nc?.close();
  }
}

const isUnanswered = (error: unknown): boolean =>
  error instanceof errors.RequestError && error.isNoResponders();

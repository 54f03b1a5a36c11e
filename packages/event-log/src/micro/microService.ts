/**
 * A service as NATS knows them (ADR-32): it says who it is, and takes calls by request and reply. Of all processes that
 * serve an endpoint one gets a call.
 */
import { nuid, type Msg, type Subscription } from "@nats-io/nats-core";
import { setImmediate } from "node:timers/promises";
import { subscribe, type Broker } from "../broker/connection.ts";
import { orAborted } from "../broker/orAborted.ts";
import { makeHeaders, sizeOfHeaders } from "../codec/headers.ts";
import { rawHeaderBytes, rawHeaders } from "../fast/rawHeaders.ts";
import { readCallHeaders } from "./callHeaders.ts";
import { isInbox } from "./isInbox.ts";
import {
  askedOn,
  errorHeaders,
  infoOf,
  pingOf,
  statsOf,
  type EndpointStats,
  type MicroError,
  type MicroInfo,
} from "./protocol.ts";

export interface MicroCall {
  subject: string;
  /** By its name, in whatever case, one that the endpoint reads: the first one; undefined: there is none. */
  header: (name: string) => string | undefined;
  /** Why its headers can't be read, so that `header` finds none; undefined: they can. */
  headerFault: string | undefined;
  /** Who is done with it sets it to `nothing`: the answer may take its time, and the body need not stay in memory. */
  body: Uint8Array;
}

export const nothing = new Uint8Array();

/** Larger headers are not read. */
export const maxHeaderBytes = 16_384;

/** Its headers and the words of its error are ASCII, without line ends. */
export interface MicroAnswer {
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Absent: the call was not refused. */
  error?: MicroError;
}

export interface MicroEndpoint {
  name: string;
  /** What it listens on; it may have wildcards. */
  subject: string;
  description: string;
  /** The headers of a call that it reads, by their names. */
  headers?: readonly string[];
  /** Never rejects. */
  handle: (call: MicroCall) => Promise<MicroAnswer>;
}

type MicroOptions = Omit<MicroInfo, "id"> & {
  endpoints?: readonly MicroEndpoint[];
};

/** Of all who serve an endpoint. */
const queue_group = "jetscribe";
/** The broker may be away when it is told that no more calls are taken. */
const drainWithinMs = 2_000;

/**
 * Serves until it is disposed of; then it takes no more calls, and answers those that it has. A call whose answer would
 * go anywhere but to an inbox is passed over.
 */
export function serveMicro(
  broker: Broker,
  { endpoints = [], ...about }: MicroOptions,
): AsyncDisposable {
  const info: MicroInfo = { ...about, id: nuid.next() };
  const started = new Date().toISOString();
  const served = endpoints.map((endpoint) => serveEndpoint(broker, endpoint));
  const answers = {
    PING: () => pingOf(info),
    INFO: () => infoOf(info, served.map(({ about }) => about)), // prettier-ignore
    STATS: () => statsOf(info, started, served.map(({ about, stats }) => ({ ...about, stats }))), // prettier-ignore
  };
  const asked = (["PING", "INFO", "STATS"] as const).flatMap((verb) =>
    askedOn(verb, info).map((subject) =>
      subscribe(broker, subject, (msg) => {
        const { reply = "" } = msg;
        if (isInbox(reply))
          respond(broker, reply, { body: JSON.stringify(answers[verb]()) });
      }),
    ),
  );
  return {
    async [Symbol.asyncDispose]() {
      for (const subscription of asked) subscription.unsubscribe();
      await Promise.all(served.map(({ drain }) => drain()));
    },
  };
}

function serveEndpoint(
  broker: Broker,
  { name, subject, description, headers = [], handle }: MicroEndpoint,
) {
  const stats: EndpointStats = {
    ...{ num_requests: 0, num_errors: 0, last_error: "", processing_time: 0 },
  };
  const inHand = new Set<Promise<void>>();

  function count(sinceMs: number, error: string | undefined): void {
    stats.num_requests++;
    stats.processing_time += Math.round((performance.now() - sinceMs) * 1e6);
    if (error === undefined) return;
    stats.num_errors++;
    stats.last_error = error;
  }
  async function answer(
    reply: string,
    cameAt: number,
    saying: Promise<MicroAnswer>,
  ): Promise<void> {
    const said = await saying;
    const isSent = respond(broker, reply, said);
    count(cameAt, isSent ? said.error?.text : "the answer could not be sent");
  }

  const subscription = subscribe(
    broker,
    subject,
    (msg) => {
      const { reply = "" } = msg;
      const cameAt = performance.now();
      if (!isInbox(reply))
        return count(cameAt, "the reply subject is no inbox");
      const saying = handle(callOf(msg, headers));
      const answering = answer(reply, cameAt, saying).finally(() =>
        inHand.delete(answering),
      );
      inHand.add(answering);
    },
    { queue: queue_group },
  );

  return {
    about: { name, subject, queue_group, metadata: { description } },
    stats,
    drain: async () => {
      await stopTaking(broker, subscription);
      // Where this process stood still the time is over before what had come is read.
      await setImmediate();
      while (inHand.size > 0) await Promise.all(inHand);
    },
  };
}

/** Resolves once no more calls come: the broker may have sent some before it was told. */
async function stopTaking(
  { connected }: Broker,
  subscription: Subscription,
): Promise<void> {
  if (!connected) return subscription.unsubscribe();
  const signal = AbortSignal.timeout(drainWithinMs);
  await orAborted(subscription.drain(), signal).catch(() => undefined);
}

/** It does not hold the message. */
function callOf(msg: Msg, wanted: readonly string[]): MicroCall {
  const isTooLarge = rawHeaderBytes(msg) > maxHeaderBytes;
  const header = isTooLarge ? undefined : readCallHeaders(rawHeaders(msg), wanted); // prettier-ignore
  const fault = isTooLarge ? `the headers have over ${maxHeaderBytes} bytes` : "the headers are malformed"; // prettier-ignore
  return {
    subject: msg.subject,
    header: header ?? (() => undefined),
    headerFault: header ? undefined : fault,
    body: msg.data,
  };
}

type Said = Pick<MicroAnswer, "body"> & Partial<MicroAnswer>;

const linesOf = ({ headers, error }: Said): string =>
  Object.entries({ ...headers, ...(error && errorHeaders(error)) })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");

/** How many bytes an answer takes in a message. */
export const bytesOfAnswer = (said: Said, lines = linesOf(said)): number =>
  Buffer.byteLength(said.body) + sizeOfHeaders(lines);

/** False: the broker is away, or the answer is larger than a message can be. Nothing is kept for later. */
function respond(
  { connected, maxPayload, nc }: Broker,
  reply: string,
  said: Said,
): boolean {
  const lines = linesOf(said);
  if (!connected || bytesOfAnswer(said, lines) > maxPayload) return false;
  nc.publish(
    reply,
    said.body,
    lines === "" ? {} : { headers: makeHeaders(lines) },
  );
  return true;
}

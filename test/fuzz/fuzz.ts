/**
 * Sends calls that are made from the OpenAPI document to a running gateway, and looks whether what must hold held: every
 * answer is as documented, none is a 5xx but a 503 that says when to come back and a task that ran out of its time, and the log has the tasks that were
 * accepted, and no other.
 */
import {
  makeAnswerChecker,
  makeFindRoute,
  type ApiDocument,
} from "@jetscribe/testing";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { anyBurst, bytesOf, type Burst, type Call, type Filling, type Noise } from "./calls.ts"; // prettier-ignore
import { openConnection, type Connection, type RawAnswer } from "./rawClient.ts"; // prettier-ignore

export interface FuzzOptions {
  url: string;
  keys: readonly [string, string];
  /** Of the gateway's process. */
  pid: number;
  /** At least so many requests are sent, unless one fails. */
  requests: number;
  seed: number;
  say?: (line: string) => void;
}

export interface FuzzReport {
  requests: number;
  /** What failed, with its seed and its counterexample; undefined: nothing. */
  failure: string | undefined;
  /** How often each route answered with each status. */
  answers: Map<string, Map<number, number>>;
  /** The ids of the tasks that were accepted, as their answers named them. */
  accepted: Set<string>;
  /** So many more were made by calls that answer with a number. */
  counted: number;
  /** Calls that may have made a task, and whose answer was not read: they came behind one that ended the connection, or the answer named no task. */
  unheard: { call: Call; target: string }[];
  /** MiB of the gateway's process: after three quarters of the requests or more, when its heap has its size, and at the end. */
  memory: { warm: number; end: number };
}

/** So many bursts at once. */
const width = 16;
const uuid7 = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g; // prettier-ignore

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { url, keys, pid, requests, seed, say = () => {} } = options;
  const port = Number(new URL(url).port);
  const document = (await (
    await fetch(`${url}/openapi.json`)
  ).json()) as ApiDocument;
  const check = makeAnswerChecker(document);
  const find = makeFindRoute(document);
  const targetOf = (call: Call): string => {
    const head = bytesOf(call, filling).subarray(0, 12_000).toString("latin1");
    const [, target = ""] = /^\S+ (\S*)/.exec(head) ?? [];
    return target;
  };
  const makers = makersOf(document);
  const makesTasks = ({ of }: Call) => makers.has(of);
  const ids = makeIds();
  const filling: Filling = { known: ids.known, keys };
  const report: FuzzReport = {
    ...{
      requests: 0,
      failure: undefined,
      answers: new Map(),
      unheard: [],
      counted: 0,
    },
    accepted: new Set<string>(),
    memory: { warm: 0, end: 0 },
  };
  const connections: Connection[] = [];
  const lent = () => {
    for (;;) {
      const connection = connections.pop() ?? openConnection(port);
      if (connection.usable()) return connection;
      connection.close();
    }
  };

  /** Throws where something is not as it must be. */
  async function send(burst: Burst | Noise): Promise<void> {
    const connection = lent();
    try {
      if ("noise" in burst) await sendNoise(connection, burst);
      else await sendCalls(connection, burst);
    } finally {
      if (connection.usable()) connections.push(connection);
      else connection.close();
    }
  }

  async function sendNoise(connection: Connection, { noise }: Noise) {
    report.requests++;
    const bytes = [Buffer.from(noise, "latin1")];
    const [method = ""] = noise.split(" ");
    const answers = await connection.exchange(bytes, [method], { ends: true });
    for (const answer of answers) {
      const isProxying = answer.status === 501;
      if (answer.status >= 500 && !isProxying)
        throw new Error(`noise got a ${answer.status}`);
    }
    connection.close();
  }

  async function sendCalls(
    connection: Connection,
    { calls, pieces, cut }: Burst,
  ) {
    report.requests += calls.length;
    const bytes = Buffer.concat(calls.map((call) => bytesOf(call, filling)));
    const ends = cut < 1_000;
    const sent = ends
      ? bytes.subarray(0, Math.floor((bytes.length * cut) / 1_000))
      : bytes;
    const answers = await connection.exchange(
      pieces > 0 ? inPieces(sent, pieces) : [sent],
      calls.map(({ method }) => method),
      { ends, pauseMs: 2 },
    );
    for (const [i, answer] of answers.entries()) {
      const call = calls[i];
      if (call) judge(call, answer);
    }
    // One that breaks off is never whole.
    if (!ends)
      for (const call of calls.slice(answers.length).filter(makesTasks))
        report.unheard.push({ call, target: targetOf(call) });
    const last = answers.at(-1);
    // What follows a broken request on its connection gets no answer, and neither does a request that breaks off.
    const isCutOff = last !== undefined && !connection.usable();
    if (answers.length < calls.length && !ends && !isCutOff)
      throw new Error(
        `${answers.length} answers to ${calls.length} calls: ${shown(sent)}`,
      );
  }

  function judge(call: Call, answer: RawAnswer): void {
    const { status, headers, body, whole } = answer;
    const counts = report.answers.get(call.of) ?? new Map<number, number>();
    report.answers.set(call.of, counts);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    const path = targetOf(call);
    const { method } = call;
    const wrong = check({
      ...{ method, path, status, headers },
      body: whole ? body : undefined,
    });
    const isStream = /event-stream/.test(headers["content-type"] ?? "");
    if (!whole && !isStream) wrong.push("it broke off");
    const isAway = status === 503 && headers["retry-after"] !== undefined;
    const isHealth = find({ method, path })?.operation?.operationId === "getHealth"; // prettier-ignore
    const isProxying = method === "CONNECT" && status === 501;
    // A task that was accepted and has failed, be it by another call or by the call's own time limits.
    const isOutcome = headers["x-should-retry"] === "false";
    const ranOut = isOutcome && (status === 503 || status === 504);
    if (status >= 500 && !isAway && !isHealth && !isProxying && !ranOut)
      wrong.push("a 5xx");
    if (wrong.length > 0)
      throw new Error(
        `${method} ${path.slice(0, 200)}: ${status}: ${wrong.join("; ")}\n${body.toString().slice(0, 1_000)}`,
      );
    if ((status >= 200 && status < 300) || isOutcome)
      learn(call, { method, path }, answer);
  }

  /** What a good answer tells: the ids that later calls use, and the tasks that were made. */
  function learn(
    call: Call,
    { method, path }: { method: string; path: string },
    { headers, body }: RawAnswer,
  ): void {
    if (/\bjson/.test(headers["content-type"] ?? ""))
      ids.learn(JSON.parse(body.toString() || "null"));
    const operation = find({ method, path })?.operation;
    if (!makers.has(operation?.operationId ?? "")) return;
    const text = `${JSON.stringify(headers)}${body.toString()}`;
    const named = text.match(uuid7) ?? [];
    const [, counted] = /"accepted":(\d+)/.exec(text) ?? [];
    report.counted += Number(counted ?? 0);
    const counts = text.includes('"matched":');
    if (!counts && named.length === 0)
      report.unheard.push({ call, target: path });
    for (const id of named) report.accepted.add(id);
  }

  const startedAt = performance.now();
  const property = fc.asyncProperty(
    fc.array(anyBurst(document), {
      minLength: 1,
      maxLength: width,
      size: "max",
    }),
    async (bursts) => {
      const ends = await Promise.allSettled(bursts.map(send));
      const failed = ends.find((end) => end.status === "rejected");
      if (failed) throw failed.reason;
      if (!isAlive(pid)) throw new Error("the gateway has died");
    },
  );
  // Half the bursts of a size that is known only when they were sent: again with the next seed until it is enough.
  for (let round = 0; report.requests < requests; round++) {
    const left = requests - report.requests;
    const first = round === 0 ? Math.ceil(left * 0.7) : left;
    const details = await fc.check(property, {
      seed: (seed + round) | 0,
      numRuns: Math.ceil(first / width) + 1,
    });
    say(
      `${report.requests} requests in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s, ${memoryOf(pid)} MiB`,
    );
    if (report.requests >= 0.75 * requests)
      report.memory.warm ||= memoryOf(pid);
    if (details.failed) {
      const { errorInstance: error } = details;
      const why = error instanceof Error ? error.message : String(error);
      report.failure = `seed ${seed}: ${why}\n${fc.defaultReportMessage(details)}`;
      break;
    }
  }
  for (const connection of connections) connection.close();
  report.memory.end = memoryOf(pid);
  return report;
}

/** The routes that make tasks. */
const makersOf = ({ paths }: ApiDocument): ReadonlySet<string> =>
  new Set(
    Object.values(paths)
      .flatMap(({ post }) => post ?? [])
      .filter(({ tags: [tag = ""] = [] }) => ["Submit", "OpenAI"].includes(tag))
      .map(({ operationId }) => operationId),
  );

/** Values that answers had, by the names under which they stood; of each name the latest thousand. */
function makeIds() {
  const values = new Map<string, string[]>();
  function add(name: string, value: string): void {
    const known = values.get(name) ?? [];
    values.set(name, known);
    known.push(value);
    if (known.length > 1_000) known.shift();
  }
  function learn(value: unknown): void {
    if (Array.isArray(value)) return value.forEach(learn);
    if (typeof value !== "object" || value === null) return;
    for (const [name, inner] of Object.entries(value))
      if (typeof inner === "string") add(name, inner);
      else learn(inner);
  }
  return {
    learn,
    known: (name: string): readonly string[] =>
      values.get(name) ?? values.get("id") ?? [],
  };
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  // A large body in few pieces: what matters is that it comes in parts.
  const step = Math.max(size, Math.ceil(bytes.length / 20));
  for (let at = 0; at < bytes.length; at += step)
    pieces.push(bytes.subarray(at, at + step));
  return pieces;
}

const shown = (bytes: Buffer): string =>
  JSON.stringify(bytes.toString("latin1").slice(0, 600));

/** MiB that the process has in memory. */
function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const [, kib = "0"] = /^VmRSS:\s+(\d+) kB/m.exec(status) ?? [];
  return Math.round(Number(kib) / 1024);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

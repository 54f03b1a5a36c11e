/** One POST to addresses that the guard has looked at. No redirect is followed, and nothing of the answer but its status is kept. */
import type { LookupAddress } from "node:dns";
import { request as overHttp, type IncomingMessage } from "node:http";
import { request as overHttps } from "node:https";
import type { LookupFunction } from "node:net";

export interface Post {
  /** Only these are connected to, whatever the name leads to by now. */
  addresses: readonly LookupAddress[];
  headers: Readonly<Record<string, string>>;
  body: string;
  signal: AbortSignal;
}

/** So much of an answer is read, in bytes, so that its sender sees no broken connection. */
const longestAnswer = 65_536;

/**
 * Resolves with the status of the answer, once that has come to its end, is too long, or the signal has aborted. Rejects
 * where there is no answer, and with the signal's reason at the latest. Every call has a connection of its own: one that
 * is left open could only be trusted as long as nobody asks where it leads.
 */
export function post(
  url: URL,
  { addresses, headers, body, signal }: Post,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const send = url.protocol === "https:" ? overHttps : overHttp;
  const request = send(url, {
    ...{ method: "POST", agent: false, lookup: pinned(addresses), signal },
    headers: {
      ...headers,
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "user-agent": "Jetscribe",
    },
  });
  let status: number | undefined;
  const settle = (error: unknown) =>
    status === undefined ? reject(error) : resolve(status);
  const unanswered = () => settle(new Error("there was no answer"));
  request
    .once("response", (response) => {
      status = response.statusCode;
      drain(response, unanswered);
    })
    .on("error", settle)
    // A receiver that switches to another protocol ends the request without an answer and without an error.
    .once("close", unanswered);
  // Whatever the request still tells: it ends here.
  const abort = () => settle(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  request.end(body);
  return promise;
}

function drain(response: IncomingMessage, done: () => void): void {
  let left = longestAnswer;
  response
    .on("data", ({ length }: Buffer) => {
      left -= length;
      if (left < 0) response.destroy();
    })
    .on("error", done)
    .once("close", done);
}

/** In the place of a look-up: `all` says in which of its two forms the socket wants the answer. */
const pinned =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_name, { all }, callback) => {
    const [first] = addresses;
    if (first === undefined)
      return callback(new Error("the name has no address"), "");
    if (all) callback(null, [...addresses]);
    else callback(null, first.address, first.family);
  };

/** A proxy before a gateway that breaks streams off, and tells what passed. */
import { once } from "node:events";
import {
  createServer,
  request,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** A call that passed, with the headers that say when and why it is made again. */
export interface Call {
  /** `POST /generate`, without a query. */
  route: string;
  /** By `performance.now`. */
  atMs: number;
  status: number | undefined;
  retryAfter: string | undefined;
  idempotencyKey: string | undefined;
  lastEventId: string | undefined;
}

export interface CuttingProxy extends AsyncDisposable {
  url: string;
  calls: Call[];
}

const cutStreams = 2;
/** Of a stream that is cut; the cut comes in the middle of one of its events. */
const bytesOfCutStream = 700;

/** The first two streams break off after some hundred bytes; everything else passes as it is. */
export async function startCuttingProxy(to: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(to);
  const calls: Call[] = [];
  let streams = 0;

  function pass(incoming: IncomingMessage, answer: ServerResponse): void {
    const { method = "", url = "", headers } = incoming;
    const call: Call = {
      route: `${method} ${url.split("?")[0]}`,
      atMs: performance.now(),
      status: undefined,
      retryAfter: undefined,
      idempotencyKey: headers["idempotency-key"] as string | undefined,
      lastEventId: headers["last-event-id"] as string | undefined,
    };
    calls.push(call);
    const isCut =
      call.route.startsWith("GET /stream/") && ++streams <= cutStreams;
    const sent = request(
      { hostname, port, method, path: url, headers },
      (coming) => {
        call.status = coming.statusCode;
        call.retryAfter = coming.headers["retry-after"];
        answer.writeHead(coming.statusCode ?? 502, coming.headers);
        answer.flushHeaders();
        let left = isCut ? bytesOfCutStream : Infinity;
        coming.on("data", (piece: Buffer) => {
          answer.write(piece.subarray(0, left));
          left -= piece.length;
          if (left <= 0) answer.destroy();
        });
        coming.once("end", () => answer.end());
        coming.once("error", () => answer.destroy());
      },
    );
    sent.once("error", () => answer.destroy());
    answer.once("close", () => sent.destroy());
    incoming.pipe(sent);
  }

  const server = createServer(pass).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

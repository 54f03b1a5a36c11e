/** A receiver of webhooks, which verifies each with the library of Standard Webhooks. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** Whether a body was signed with the secret (`whsec_…`), in the last five minutes. */
export type VerifyWebhook = (
  body: string,
  headers: Record<string, string>,
) => boolean;

export function webhookVerifier(secret: string): VerifyWebhook {
  const webhook = new Webhook(secret);
  return (body, headers) => {
    try {
      webhook.verify(body, headers);
      return true;
    } catch {
      return false;
    }
  };
}

/** One call of the receiver. */
export interface ReceivedWebhook {
  /** The `webhook-id`: the id of the task. */
  id: string;
  /** `task.completed`. */
  type: string;
  data: Record<string, unknown>;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** False also where the receiver was not told the secret. */
  verified: boolean;
}

/** A status, with headers if need be; `hang`: no answer; `hang up`: the connection ends without one. */
export type WebhookAnswer =
  | number
  | { status: number; headers: Record<string, string> }
  | "hang"
  | "hang up";

export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Every call, in order, whatever it was answered. */
  readonly received: readonly ReceivedWebhook[];
  /** How often each webhook was answered with 2xx, by its id. */
  readonly taken: ReadonlyMap<string, number>;
  /** How many calls were unanswered at the same time, at most. */
  readonly mostAtOnce: number;
  /** From now on calls are verified with this secret. */
  verifyWith: (secret: string) => void;
  /** Decides about the calls that come from now on; 204 at first. */
  answerWith: (
    answer: (call: ReceivedWebhook) => WebhookAnswer | Promise<WebhookAnswer>,
  ) => void;
}

/** `host`: an address of this machine. To fail at random: `answerWith(() => (random.chance(0.3) ? 503 : 204))`. */
export async function startWebhookReceiver(
  host = "127.0.0.1",
): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const taken = new Map<string, number>();
  let verify: VerifyWebhook = () => false;
  let decide: Parameters<WebhookReceiver["answerWith"]>[0] = () => 204;
  let [atOnce, mostAtOnce] = [0, 0];

  const server = createServer((request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    response.once("close", () => atOnce--);
    void readCall(request, verify).then(async (call) => {
      received.push(call);
      const answer = await decide(call);
      if (answer === "hang") return;
      if (answer === "hang up") return request.socket.destroy();
      const { status, headers } =
        typeof answer === "number" ? { status: answer, headers: {} } : answer;
      const isTaken = status >= 200 && status < 300;
      if (isTaken) taken.set(call.id, (taken.get(call.id) ?? 0) + 1);
      response.writeHead(status, headers).end();
    });
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    received,
    taken,
    get mostAtOnce() {
      return mostAtOnce;
    },
    verifyWith: (secret) => void (verify = webhookVerifier(secret)),
    answerWith: (answer) => void (decide = answer),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readCall(
  request: IncomingMessage,
  verify: VerifyWebhook,
): Promise<ReceivedWebhook> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      String(value),
    ]),
  );
  const { type, data } = JSON.parse(body) as Pick<
    ReceivedWebhook,
    "type" | "data"
  >;
  return {
    ...{ id: headers["webhook-id"] ?? "", type, data, headers, body },
    path: request.url ?? "",
    verified: verify(body, headers),
  };
}

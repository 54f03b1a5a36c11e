import { FeedQuery } from "@jetscribe/schema";
import type { FastifyReply } from "fastify";
import * as z from "zod";
import type { Connection } from "../../feed/readers.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { endOfCall } from "../auth.ts";
import { answer, problems, security } from "../docs.ts";
import { feedExample } from "../examples.ts";

const schema = {
  operationId: "feed",
  tags: ["Operate"],
  summary: "Follow what a page shows",
  description:
    "Server-Sent Events for a page, which polls nothing. The query names what it shows: `view=now` queues, workers, failures and health, `view=tasks` the newest tasks that match the filters of `GET /tasks`, " +
    "`view=task` one task's history, `view=log` the newest events that match the filters of `GET /log`. First comes a `snapshot`, then `events`, each frame with the log's sequence as its id. " +
    "`view=now`, and a view of more than 200 events in a second, gets `delta` instead, four times a second at most: rows that changed, and counts. " +
    "A `snapshot` may come again, and replaces all before it. With `Last-Event-ID` the stream goes on, or begins with a snapshot. " +
    "Prompts and texts are in no frame.",
  querystring: FeedQuery,
  headers: z.object({
    "last-event-id": z
      .string()
      .optional()
      .meta({ description: "The id of the last frame that came." }),
  }),
  response: {
    200: answer(z.string(), "The frames", {
      type: "text/event-stream",
      example: feedExample,
    }),
    ...problems(401, 403, 404, "rate_limited", 503),
  },
  security,
};

export function feedRoute(app: App, deps: AppDeps): void {
  app.get(
    "/feed",
    { schema, sse: "manual", config: { scope: "read" } },
    async (request, reply) => {
      void reply.header("content-type", "text/event-stream; charset=utf-8");
      if (request.method === "HEAD") return reply.sse.sendHeaders();
      const ended = AbortSignal.any([
        endOfCall(deps.keys, request, reply),
        deps.stopping,
      ]);
      const { lastEventId } = reply.sse;
      using reader = await deps.openFeed(
        ...([request.query, request.key] as const),
        () => connect(reply),
        lastEventId ?? undefined,
      );
      const drained = () => reader.drained();
      reply.raw.on("drain", drained);
      if (!ended.aborted) await aborted(ended);
      // What it has not taken yet would be sent first.
      if (reply.raw.writableLength > 0) reply.raw.destroy();
    },
  );
}

function connect({ raw, sse }: FastifyReply): Connection {
  sse.sendHeaders();
  return {
    write: (text) => void raw.write(text),
    buffered: () => raw.writableLength,
    drop: () => raw.destroy(),
  };
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) =>
    signal.addEventListener("abort", resolve, { once: true }),
  );

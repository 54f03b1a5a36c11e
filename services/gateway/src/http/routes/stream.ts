import { Problem } from "@jetscribe/schema";
import * as z from "zod";
import type { App, AppDeps } from "../app.ts";
import { security } from "../docs.ts";
import { taskOfCall, TaskParams } from "../taskOfCall.ts";
import { hangUp } from "../wait.ts";

const schema = {
  summary: "Read the text while it is written",
  description:
    "Server-Sent Events: `token` {text} as the text comes, with the id `<attempt>.<n>`; `status` on a change of state; " +
    "`reset` {attempt} when the text so far is void; and last `completed`, `failed` or `cancelled` with the body of " +
    "`GET /result`. Connect before, during or after the generation; with `Last-Event-ID` the stream goes on behind it.",
  params: TaskParams,
  response: {
    200: z.string().meta({ description: "text/event-stream" }),
    401: Problem,
    404: Problem,
    503: Problem,
  },
  security,
};

export function streamRoute(
  app: App,
  { readTask, streamTask, log }: AppDeps,
): void {
  app.get(
    "/stream/:task_id",
    { schema, sse: "manual" },
    async (request, reply) => {
      const task = await taskOfCall(readTask, request);
      const { task_id } = task;
      const lastEventId = reply.sse.lastEventId ?? undefined;
      const events = streamTask(task, {
        ...{ owner: request.key.owner, lastEventId },
        signal: hangUp(reply),
        onSlow() {
          if (reply.raw.destroyed) return;
          log.warn({ task_id }, "a stream's reader is too slow: dropped");
          reply.raw.destroy();
        },
      });
      try {
        await reply.sse.send(events);
      } catch (error) {
        // Half an answer is out: the reader comes back with Last-Event-ID.
        if (!reply.raw.headersSent) throw error;
        log.warn({ task_id, err: error }, "a stream was broken off");
        reply.raw.destroy();
      }
    },
  );
}

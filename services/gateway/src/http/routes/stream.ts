import { aboutTask, isOpen } from "@jetscribe/schema";
import * as z from "zod";
import type { App, AppDeps } from "../appDeps.ts";
import { endOfCall } from "../auth.ts";
import { answer, problems, readSecurity } from "../docs.ts";
import { streamExample } from "../examples.ts";
import { recordRead, SurfaceHeader } from "../recordRead.ts";
import { taskOfCall } from "../../calls/taskOfCall.ts";
import { TaskParams } from "../taskParams.ts";
import { visibleOutcome } from "../../read/resultOf.ts";
import { textPartsIn } from "../../read/textParts.ts";
import { outcomeId, type StreamEvent } from "../../stream/textFeed.ts";

const schema = {
  operationId: "stream",
  tags: ["Stream"],
  summary: "Read the text while it is written",
  description:
    "Server-Sent Events: `token` {text} as the text comes, with the id `<attempt>.<n>`, or `<attempt>.end` of a rest " +
    "that comes with the outcome; `status` on a change of state; `reset` {attempt} when the text so far is void; and " +
    "last `completed`, `failed` or `cancelled` with the body of `GET /result` and the id `end`. Connect before, " +
    "during or after the generation; with `Last-Event-ID` the stream goes on behind it, and a reader that has " +
    "everything gets a 204.",
  params: TaskParams,
  headers: SurfaceHeader.extend({
    "last-event-id": z
      .string()
      .optional()
      .meta({ description: "The id of the last event that came." }),
  }),
  response: {
    200: answer(z.string(), "The events", {
      type: "text/event-stream",
      example: streamExample,
    }),
    204: z.undefined().meta({ description: "The reader has everything" }),
    ...problems(401, 403, 404, "rate_limited", 503),
  },
  security: readSecurity,
};

export function streamRoute(app: App, { log, ...deps }: AppDeps): void {
  app.get(
    "/stream/:task_id",
    { schema, sse: "manual", config: { scope: "read:text", readToken: true } },
    async (request, reply) => {
      const task = await taskOfCall(deps.readTask, request);
      const lastEventId = reply.sse.lastEventId ?? undefined;
      // Who has the outcome has everything: 204 tells an EventSource not to come back.
      if (!isOpen(task) && lastEventId === outcomeId)
        return await reply.code(204).send(undefined);
      void reply.header("content-type", "text/event-stream; charset=utf-8");
      if (request.method === "HEAD") return reply.sse.sendHeaders();
      const signal = endOfCall(deps.keys, request, reply);
      const record = () => recordRead(deps.audit, request, task, ["result"]);
      // A refusal is an answer of its own where the text is there: nothing is sent yet. Only a text has an id to come back with.
      const isThere = isOpen(task)
        ? lastEventId !== undefined
        : hasText(visibleOutcome(task, request.key, deps.clock));
      if (isThere) await record();
      const events = deps.streamTask(task, {
        owner: request.key.owner,
        lastEventId,
        signal,
        onSlow() {
          if (reply.raw.destroyed) return;
          log.warn(aboutTask(task), "a stream's reader is too slow: dropped");
          reply.raw.destroy();
        },
      });
      try {
        await reply.sse.send(isThere ? events : recordedFirst(events, record));
      } catch (error) {
        // Half an answer is out: the reader comes back with Last-Event-ID.
        if (!reply.raw.headersSent) throw error;
        log.warn({ ...aboutTask(task), err: error }, "a stream was broken off");
        reply.raw.destroy();
      }
    },
  );
}

/** The events; the first that has text waits until its reading is recorded. */
async function* recordedFirst(
  events: AsyncIterable<StreamEvent>,
  record: () => Promise<void>,
): AsyncGenerator<StreamEvent> {
  let isRecorded = false;
  for await (const event of events) {
    if (!isRecorded && (event.event === "token" || hasText(event.data))) {
      await record();
      isRecorded = true;
    }
    yield event;
  }
}

const hasText = (body: object): boolean => textPartsIn([body]).length > 0;

import { TaskListQuery, TaskListResponse } from "@jetscribe/schema";
import type { FastifyRequest } from "fastify";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";
import { taskIdExample } from "../examples.ts";

const schema = {
  operationId: "listTasks",
  tags: ["Read"],
  summary: "List tasks",
  description:
    "The caller's own tasks, the newest first, by the times in their ids. A task has to match all parameters that are given. " +
    "A task whose 202 was answered is in the list. A page may have fewer tasks than `limit`: there are more as long as the answer has a `next`. " +
    "New tasks don't move the pages behind a cursor. `at` lists them as they were at a moment of the past: 410 where the log has dropped it. 503 while the task index is being built.",
  querystring: TaskListQuery,
  response: {
    200: answer(TaskListResponse, "A page of tasks", {
      example: {
        tasks: [
          {
            task_id: taskIdExample,
            ...{ status: "completed", model: "demo", lane: "interactive" },
            ...{ attempt: 1, requested_at: 1795894184.603 },
            ...{ started_at: 1795894184.604, ended_at: 1795894184.618 },
            metadata: { order: "A-17" },
          },
        ],
        next: "/tasks?status=completed&limit=1&cursor=AaIjolAKcAC5H4w9hcyg8Q",
        next_cursor: "AaIjolAKcAC5H4w9hcyg8Q",
      },
    }),
    ...problems(400, 401, 403, 410, "rate_limited", 503),
  },
  security,
};

export function listTasksRoute(app: App, deps: AppDeps): void {
  const config = { scope: "read" } as const;
  app.get("/tasks", { schema, config }, async (request) => {
    const { limit, cursor, at: moment, ...filter } = request.query;
    const at = { limit, cursor, at: moment };
    const page = await deps.listTasks(filter, request.key, at);
    if (page.cursor === undefined) return { tasks: page.tasks };
    const next = `${app.publicPath}${nextOf(request, page.cursor)}`;
    return { tasks: page.tasks, next, next_cursor: page.cursor };
  });
}

/** The call's own path and query, with the cursor of the next page. */
function nextOf({ url }: Pick<FastifyRequest, "url">, cursor: string): string {
  const { searchParams } = new URL(url, "http://any");
  searchParams.set("cursor", cursor);
  return `/tasks?${searchParams.toString()}`;
}

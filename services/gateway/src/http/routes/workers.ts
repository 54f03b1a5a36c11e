import * as z from "zod";
import { ApiError } from "../../apiError.ts";
import type { App, AppDeps } from "../appDeps.ts";
import { answer, problems, security } from "../docs.ts";

const schema = {
  operationId: "dismissWorker",
  tags: ["Operate"],
  summary: "Dismiss a lost worker",
  description:
    "A worker that fell silent without a goodbye is shown until somebody dismisses it: for all pages and gateways. 404 where no lost worker has the id; one that is heard can't be dismissed. No body is needed.",
  params: z.object({
    worker_id: z
      .string()
      .meta({ description: "As GET /feed?view=now has it." }),
  }),
  response: {
    200: answer(z.object({ worker_id: z.string() }), "It is dismissed", {
      example: { worker_id: "demo-1" },
    }),
    ...problems(401, 403, 404, "rate_limited", 503),
  },
  security,
};

/** Of a scope that reads no bodies. */
export function dismissWorkerRoute(app: App, { dismissWorker }: AppDeps): void {
  const config = { scope: "admin" } as const;
  app.delete("/workers/:worker_id", { schema, config }, async ({ params }) => {
    const { worker_id } = params;
    if (await dismissWorker(worker_id)) return { worker_id };
    throw new ApiError("not_found", "there is no lost worker of this id");
  });
}

/** Many prompts in one call. */
import * as z from "zod";
import { AcceptedResponse, GenerateRequest, Problem } from "./generate.ts";

const mostRequests = 1_000;

const requestsOf = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({
    requests: z
      .array(item)
      .min(1)
      .max(mostRequests)
      .meta({
        description: `Bodies of \`POST /generate\`, ${mostRequests} at most.`,
      }),
  });

export const GenerateBatch = requestsOf(GenerateRequest);

/** A batch whose requests are not looked at yet: one that is invalid is refused by itself. */
export const GenerateBatchEnvelope = requestsOf(z.unknown());

export const GenerateBatchItem = z.union([
  AcceptedResponse.extend({
    replayed: z.literal(true).optional().meta({
      description:
        "An earlier call with the same Idempotency-Key made the task.",
    }),
  }),
  z.object({
    problem: Problem.meta({
      description: "As `POST /generate` would refuse the request by itself.",
    }),
  }),
]);
export type GenerateBatchItem = z.infer<typeof GenerateBatchItem>;

export const GenerateBatchResponse = z.object({
  accepted: z.int(),
  refused: z.int(),
  items: z
    .array(GenerateBatchItem)
    .meta({ description: "What came of each request, in their order." }),
});
export type GenerateBatchResponse = z.infer<typeof GenerateBatchResponse>;

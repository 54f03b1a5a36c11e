/** JSON Schemas (2020-12) that an answer can be held to. */
import * as z from "zod";
import { grammarOf } from "../grammar/grammarOf.ts";

/** A body of many mistakes is not answered by as many lines. */
const maxProblems = 100;

/** What of a schema can't be kept to; nothing: a grammar holds every answer to all of it. */
export function problemsOfSchema(schema: Record<string, unknown>) {
  const { problems = [] } = grammarOf(schema);
  return problems.slice(0, maxProblems);
}

/** As it is written down; whether it can be kept to was checked when the request came in. */
export const StoredSchema = z.record(z.string(), z.unknown());

/** A schema whose every keyword the answer is held to. */
export const JsonSchema = StoredSchema.superRefine((schema, context) => {
  for (const { path, message } of problemsOfSchema(schema))
    context.addIssue({ code: "custom", path: [...path], message });
});
export type JsonSchema = z.infer<typeof JsonSchema>;

/** JSON Schemas (2020-12) that an answer can be held to. */
import * as z from "zod";
import { grammarOf } from "../grammar/grammarOf.ts";

/** A body of many mistakes is not answered by as many lines. */
const maxProblems = 100;

/** As it is written down; whether it can be kept to was checked when the request came in. */
export const StoredSchema = z.record(z.string(), z.unknown());

/** A schema whose every keyword the answer is held to. */
export const JsonSchema = StoredSchema.superRefine((schema, context) => {
  const { problems = [] } = grammarOf(schema);
  for (const { path, message } of problems.slice(0, maxProblems))
    context.addIssue({ code: "custom", path: [...path], message });
});
export type JsonSchema = z.infer<typeof JsonSchema>;

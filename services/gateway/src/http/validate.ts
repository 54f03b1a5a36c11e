/** Requests pass their zod schema once, and every violation is told at once. */
import type { FastifySchemaCompiler } from "fastify";
import type * as z from "zod";
import { ApiError, type FieldError } from "../apiError.ts";

export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (data) => {
    const result = schema.safeParse(data);
    if (result.success) return { value: result.data };
    const fields = result.error.issues.flatMap(fieldErrors);
    const names = [...new Set(fields.map(({ field }) => field))].join(", ");
    return {
      error: new ApiError("invalid_request", `see: ${names}`, { fields }),
    };
  };

/** Never with the value: it may be a prompt. */
function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      field: shorten([...path, key].join(".")),
      message: "unknown field",
    }));
  const field = path.join(".") || "body";
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  return [{ field, message: missing ? "is missing" : issue.message }];
}

/** A name from outside, which may be of any length. */
const shorten = (name: string): string =>
  name.length > 100 ? `${name.slice(0, 100)}…` : name;

/** What zod refuses, as the refusal of a call that names every field. */
import type * as z from "zod";
import { ApiError, type FieldError } from "./apiError.ts";

/** `above`: where in the body what was checked stands. */
export function invalidRequest(
  { issues }: z.core.$ZodError,
  above: readonly PropertyKey[] = [],
): ApiError {
  const fields = issues.flatMap((issue) => fieldErrors(issue, above));
  const names = [...new Set(fields.map(({ field }) => field))].join(", ");
  return new ApiError("invalid_request", `see: ${names}`, { fields });
}

/** Never with the value: it may be a prompt. */
function fieldErrors(
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[] = [],
): FieldError[] {
  const at = [...above, ...issue.path];
  const path = at.map(String);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      field: shorten([...path, key].join(".")),
      message: "unknown field",
    }));
  if (issue.code === "invalid_union" && issue.errors.length > 0)
    return unionErrors(issue, at);
  const field = shorten(path.join(".")) || "body";
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  return [{ field, message: missing ? "is missing" : issue.message }];
}

/** Of the branch that has the right type, where there is one; else the types of all. */
function unionErrors(
  { errors }: z.core.$ZodIssueInvalidUnion,
  at: readonly PropertyKey[],
): FieldError[] {
  const meant = errors.find((branch) => !branch.some(isWrongType));
  if (meant) return meant.flatMap((issue) => fieldErrors(issue, at));
  const types = errors.flat().filter(isWrongType);
  const missing = types.some(({ input }) => input === undefined);
  const expected = types.map((issue) => issue.expected).join(" or ");
  const message = missing
    ? "is missing"
    : `Invalid input: expected ${expected}`;
  return [{ field: shorten(at.map(String).join(".")) || "body", message }];
}

const isWrongType = (
  issue: z.core.$ZodIssue,
): issue is z.core.$ZodIssueInvalidType =>
  issue.code === "invalid_type" && issue.path.length === 0;

/** A name from outside, which may be of any length. */
const shorten = (name: string): string =>
  name.length > 100 ? `${name.slice(0, 100)}…` : name;

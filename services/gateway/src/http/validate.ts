/** Requests pass their zod schema once, and every violation is told at once. */
import type { FastifySchemaCompiler } from "fastify";
import type * as z from "zod";
import { invalidRequest } from "../invalidRequest.ts";

export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = (route) => {
  // Their schemas are for the documents: Node has them as texts, and a header that makes no sense is passed over.
  if (route.httpPart === "headers") return () => true;
  return (data) => {
    const result = route.schema.safeParse(data, { reportInput: true });
    return result.success
      ? { value: result.data }
      : { error: invalidRequest(result.error) };
  };
};

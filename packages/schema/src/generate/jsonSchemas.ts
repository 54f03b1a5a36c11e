/** The JSON Schemas of the events, out of the zod schemas. */
import * as z from "zod";
import { eventTypes } from "./events.ts";
import type { EventType } from "./kinds.ts";

/** What an event's header `ce-dataschema` says. */
export const dataSchemaOf = (type: EventType): string =>
  `urn:jetscribe:event:${type}:v1`;

/** The schema of an event's body. It takes fields that it does not name, as every reader has to. */
export const jsonSchemaOf = (
  type: EventType,
  target: "draft-2020-12" | "draft-7" = "draft-2020-12",
): Record<string, unknown> => ({
  $id: dataSchemaOf(type),
  title: type,
  ...z.toJSONSchema(eventTypes[type].schema, { io: "input", target }),
});

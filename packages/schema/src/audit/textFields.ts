import type { TextPart } from "./textRead.ts";

/** The fields of events and outcomes that people or a model wrote, by the part of the task's texts. */
export const textFieldsOf = {
  prompt: ["prompt", "messages"],
  result: ["reasoning", "result", "partial_text"],
} as const satisfies Record<TextPart, readonly string[]>;

export const textFields: readonly string[] = Object.values(textFieldsOf).flat();

/** Pure: which fields of events and outcomes are texts. */
import type { TextPart } from "@jetscribe/schema";

/** What people wrote, or a model. */
const fieldsOf = {
  prompt: ["prompt", "messages"],
  result: ["result", "reasoning", "partial_text"],
} as const satisfies Record<TextPart, readonly string[]>;

export const textFields: readonly string[] = Object.values(fieldsOf).flat();

/** The parts of a task's texts that stand in any of these bodies. */
export const textPartsIn = (shown: readonly object[]): TextPart[] =>
  (Object.keys(fieldsOf) as TextPart[]).filter((part) =>
    fieldsOf[part].some((field) => shown.some((body) => field in body)),
  );

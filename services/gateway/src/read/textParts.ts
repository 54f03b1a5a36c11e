/** Pure: which texts of a task an answer has. */
import { textFieldsOf, type TextPart } from "@jetscribe/schema";

/** The parts of a task's texts that stand in any of these bodies. */
export const textPartsIn = (shown: readonly object[]): TextPart[] =>
  (Object.keys(textFieldsOf) as TextPart[]).filter((part) =>
    textFieldsOf[part].some((field) => shown.some((body) => field in body)),
  );

/** What callers attach to their tasks to find them again: a user's id, and pairs of metadata. */
import * as z from "zod";

/**
 * What a language writes: letters and emoji, with the joiners and marks inside them, and characters that this Unicode
 * version doesn't know yet. Refused is what could forge or break a line of a log: controls, line separators, halves of
 * characters, what turns the direction of the text around it, private and deprecated formats.
 */
export const printable =
  /^[^\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u202A-\u202E\u2066-\u206F\uFEFF\uFFF9-\uFFFB]*$/u;

/** Printable text of so many characters (code points) at most. */
const label = (longest: number) =>
  z
    .string()
    .refine((text) => printable.test(text), "printable characters only")
    .refine(
      (text) => [...text].length <= longest,
      `${longest} characters at most`,
    );

export const UserId = label(128).min(1).meta({
  description: "A label of yours, up to 128 printable characters.",
});

/** As it stands in subjects and in the names of consumers, which a file system may not tell apart by case. */
export const Group = z
  .string()
  .regex(/^[a-z0-9_-]{1,64}$/, "1 to 64 of a-z, 0-9, _ and -");

const most = { pairs: 16, key: 64, value: 512, bytes: 16_384 };

export const MetadataKey = label(most.key).min(1);
export const MetadataValue = label(most.value);

const bytesOf = (metadata: unknown): number =>
  new TextEncoder().encode(JSON.stringify(metadata)).length;

/**
 * Pairs of the caller's own. They travel in a header of the request's event, and the broker takes 64 KiB of headers: in
 * bytes they are limited too.
 */
export const Metadata = z
  .record(MetadataKey, MetadataValue)
  .refine(
    (metadata) => Object.keys(metadata).length <= most.pairs,
    `${most.pairs} pairs at most`,
  )
  .refine(
    (metadata) => bytesOf(metadata) <= most.bytes,
    `${most.bytes} bytes at most, as JSON`,
  )
  .meta({
    description:
      "Up to 16 pairs of yours, by which tasks can be listed: keys of 1 to 64 and values of up to 512 printable characters, 16 KiB together. They are in no log file and in no metric.",
    example: { order: "A-17" },
  });

import * as z from "zod";
import { remember } from "./remember.ts";

/**
 * A name as it stands in subjects, consumer names and Redis keys: one token without `.`, `*`, `>`, `=` or spaces.
 * Model names and key names are mapped to slugs once, where they enter.
 */
export const Slug = z
  .string()
  .regex(/^[a-z0-9_-]{1,64}$/, "1 to 64 of a-z, 0-9, _ and -");

/** The slug of a name that people see: `Qwen2.5-7B-Q4_K_M` is `qwen2-5-7b-q4_k_m`. Throws where nothing is left. */
export const slugOf = remember((name: string): string => {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
  if (slug === "") throw new RangeError("a name needs a letter or a digit");
  return slug;
});

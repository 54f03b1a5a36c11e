import {
  BrokerSettings,
  count,
  duration,
  flag,
  size,
} from "@jetscribe/runtime";
import * as z from "zod";

export const Config = z.object({
  ...BrokerSettings.shape,
  LOG_DIR: z.string().default("logs"),
  /** The text of completed tasks stands in their lines. */
  LOG_RESULT: flag(false),
  /** A file that would grow over it is rotated. */
  LOG_ROTATE_SIZE: size("100MB").refine((bytes) => bytes > 0, "must be over 0"),
  /** A file has lines of one such period (UTC) only. */
  LOG_ROTATE_AGE: duration("1d").refine((ms) => ms >= 1, "must be over 0"),
  /** Rotated files of each log that stay; older ones are removed. */
  LOG_KEEP: count(14),
});
export type Config = z.infer<typeof Config>;

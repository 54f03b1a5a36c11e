import { BrokerSettings, duration, RedisSettings } from "@jetscribe/runtime";
import * as z from "zod";
import type { Kept } from "./statistics/series.ts";

export const Config = z.object({
  ...BrokerSettings.shape,
  ...RedisSettings.shape,
  /** How long a task can be read in Redis after its outcome; later the log has it. */
  RESULT_TTL: duration("1h").refine((ms) => ms > 0, "must be over 0"),
  ACK_WAIT: duration("15s"),
  /** The task index is in its folder `index`. */
  DATA_DIR: z.string().default(".data"),
  /** How long statistics are kept: steps of 10 s, and minutes and longer steps, of each model and lane; minutes and hours of each owner. */
  STATISTICS_10S_FOR: duration("1h"),
  STATISTICS_MINUTES_FOR: duration("7d"),
  STATISTICS_OWNER_MINUTES_FOR: duration("1d"),
  STATISTICS_OWNER_HOURS_FOR: duration("90d"),
});

export const keptOf = (config: z.infer<typeof Config>): Kept => ({
  shortStepsMs: config.STATISTICS_10S_FOR,
  minutesMs: config.STATISTICS_MINUTES_FOR,
  ownerMinutesMs: config.STATISTICS_OWNER_MINUTES_FOR,
  ownerHoursMs: config.STATISTICS_OWNER_HOURS_FOR,
});

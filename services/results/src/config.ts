import { BrokerSettings, duration, RedisSettings } from "@jetscribe/runtime";
import * as z from "zod";

export const Config = z.object({
  ...BrokerSettings.shape,
  ...RedisSettings.shape,
  /** How long a task can be read in Redis after its outcome; later the log has it. */
  RESULT_TTL: duration("1h").refine((ms) => ms > 0, "must be over 0"),
  ACK_WAIT: duration("15s"),
  /** The task index is in its folder `index`. */
  DATA_DIR: z.string().default(".data"),
});

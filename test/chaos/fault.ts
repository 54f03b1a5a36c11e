import type { Member } from "./member.ts";
import type { Random } from "@jetscribe/testing";

/** Something that can be done to a fleet. */
export interface Fault {
  name: string;
  /** Nothing else is done to it meanwhile. */
  target: string;
  /** The worker that it hits. */
  worker?: Pick<Member, "workerId">;
  run(random: Random): Promise<void>;
}

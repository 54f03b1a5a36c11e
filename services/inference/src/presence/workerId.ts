import { slugOf } from "@jetscribe/schema";
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** A name for this process that no other ever had: the machine's name tells people where it runs. */
export function newWorkerId(host = hostname()): string {
  const place = /[a-z0-9]/i.test(host) ? slugOf(host).slice(0, 40) : "worker";
  return `${place}-${randomBytes(4).toString("hex")}`;
}

/** Submitting, reading results and cancelling over NATS, as one owner. Decision 0053. */
import { apiCalls, maxWaitS, type Names } from "@jetscribe/schema";
import type { Access } from "./access.ts";

/** A call that waits is answered so long after its wait at most. */
const graceS = 30;

/** The import fixes the owner (a slug): its account reaches the subjects of no other. */
export const apiAccess = (owner: string, { subjects }: Names): Access[] =>
  apiCalls.map((call) => ({
    kind: "service",
    subject: subjects.api(call, owner),
    answeredWithinS: maxWaitS + graceS,
  }));

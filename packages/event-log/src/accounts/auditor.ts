/**
 * The auditor reads everything and changes nothing. In the services' account it could do more than its allow-list says: the
 * broker delivers what a consumer is asked for to whatever subject the question names as its answer's, be it one that a
 * stream stores. An account of its own has no such subjects.
 */
import type { Names } from "@jetscribe/schema";
import { asks, readsBy, type Access } from "./access.ts";

/** The account that the auditor is alone in. */
export const auditorAccount = "AUDITOR";

/** The streams that the auditor reads; of each it has a durable consumer, which the operator makes. */
export const auditedStreams = ({ streams }: Names): string[] => [
  streams.events,
  streams.keys,
  streams.audit,
];

/** The auditor's consumer, on each of the streams. */
export const auditorDurable = (names: Names): string =>
  names.durableName("auditor");

/** What the auditor's account may use. */
export const auditorAccess = (names: Names): Access[] => [
  ...auditedStreams(names).flatMap((stream): Access[] => [
    ...readsBy(stream, auditorDurable(names)),
    asks(`STREAM.INFO.${stream}`),
    asks(`STREAM.MSG.GET.${stream}`),
  ]),
  // Where the events of a task stand.
  { kind: "service", subject: names.subjects.index },
  { kind: "stream", subject: names.subjects.allStored },
];

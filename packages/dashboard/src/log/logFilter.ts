/** Which events are shown: `#/log?type=GenerateFailed&model=demo&lane=batch&owner=*`. */
import type { FeedEvent } from "@jetscribe/schema";
import { kinds } from "@jetscribe/schema/evolve";

/** In the order of a task's life. */
export const eventTypes = Object.keys(kinds) as FeedEvent["type"][];

const filterFields = ["type", "model", "lane", "owner"] as const;
export type FilterField = (typeof filterFields)[number];

/** What the address says of it, for `GET /log` and `GET /feed?view=log`. */
export function filterIn(query: URLSearchParams): URLSearchParams {
  const filter = new URLSearchParams();
  for (const field of filterFields) {
    const value = query.get(field);
    if (value) filter.set(field, value);
  }
  return filter;
}

/** The moment of the log that is shown: its sequence stands in the address as `at`, so an address of the past can be kept. */
import { computed } from "@preact/signals";
import { go, pagesOfEvents, route } from "../route.ts";

/** Whether the page that is open is made of events; what the others show is known of the present only. */
export const isOfEvents = computed(() => pagesOfEvents.has(route.value.page));

/** The sequence of the last event that counts; undefined: the page is live. */
export const at = computed<number | undefined>(() =>
  isOfEvents.value ? momentIn(route.value.query.get("at")) : undefined,
);

/** What the address says; what is no sequence is no moment. */
export const momentIn = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

/** The page that is open at another moment; undefined: live. */
export function goToMoment(seq: number | undefined, replace = false): void {
  const query = new URLSearchParams(route.peek().query);
  if (seq === undefined) query.delete("at");
  else query.set("at", String(seq));
  const [path = ""] = location.hash.split("?");
  const search = query.toString();
  go(`${path || "#/now"}${search ? `?${search}` : ""}`, { replace });
}

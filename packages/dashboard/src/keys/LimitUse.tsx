import type { LimitsResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { messageOf, type Call } from "../api/call.ts";
import { count } from "../format.ts";

/** Asked for when the row is there: what a key's owner has used of each limit. */
export function LimitUse({ id, call }: { id: string; call: Call }) {
  const use = useSignal<LimitsResponse | undefined>(undefined);
  const error = useSignal<string | undefined>(undefined);
  useEffect(() => {
    const gone = new AbortController();
    const { signal } = gone;
    const path = `/admin/keys/${encodeURIComponent(id)}/limits`;
    call<LimitsResponse>(path, { signal }).then(
      (limits) => (use.value = limits),
      (problem: unknown) => {
        if (!signal.aborted) error.value = messageOf(problem);
      },
    );
    return () => gone.abort();
  }, [id, call]);
  if (error.value !== undefined)
    return <small class="failed">{error.value}</small>;
  if (use.value === undefined) return <small>…</small>;
  const parts = partsOf(use.value);
  if (parts.length === 0) return <small>none</small>;
  return (
    <ul class="limit-use">
      {parts.map(({ what, used, limit }) => (
        <li key={what}>
          <meter
            aria-label={what}
            min={0}
            max={limit}
            high={0.9 * limit}
            value={used}
          />
          {count(used)} of {count(limit)} <small>{what}</small>
        </li>
      ))}
    </ul>
  );
}

const partsOf = ({ requests, tokens, tasks }: LimitsResponse) => [
  ...(tasks
    ? [{ what: "unfinished tasks", used: tasks.unfinished, limit: tasks.limit }]
    : []),
  ...(requests
    ? [
        {
          what: "calls in this minute",
          used: requests.limit - requests.remaining,
          limit: requests.limit,
        },
      ]
    : []),
  ...(tokens
    ? [
        {
          what: "tokens today, reserved ones too",
          used: tokens.spent + tokens.reserved,
          limit: tokens.limit,
        },
      ]
    : []),
];

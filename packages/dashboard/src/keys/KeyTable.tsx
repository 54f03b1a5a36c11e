import type { KeyResponse, LimitsResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { messageOf, type Call } from "../api/call.ts";
import { count } from "../format.ts";
import { Time } from "../parts/Time.tsx";

interface Props {
  keys: readonly KeyResponse[];
  call: Call;
  /** Undefined: they are keys of the past, of which no use is known. */
  onRevoke: ((key: KeyResponse) => void) | undefined;
}

export function KeyTable({ keys, call, onRevoke }: Props) {
  return (
    <div class="scrolls" tabIndex={0} role="region" aria-label="List of keys">
      <table class="keys">
        <thead>
          <tr>
            <th>Name</th>
            <th>Key</th>
            <th class="wide">Scopes</th>
            <th>Limits, and their use now</th>
            <th class="wide">Expires</th>
            <th class="wide">Last used</th>
            <th>
              <span class="hidden">Revoke</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <th scope="row">{key.name}</th>
              <td>
                <span class="mono">
                  {key.prefix === null ? "API_KEYS" : `${key.prefix}…`}
                </span>
                {key.status !== "active" && (
                  <span class="failed"> {key.status}</span>
                )}
              </td>
              <td class="scopes wide">{key.scopes.join(", ")}</td>
              <td>
                {onRevoke === undefined ? (
                  <small>live only</small>
                ) : key.status === "active" ? (
                  <LimitUse id={key.id} call={call} />
                ) : (
                  "–"
                )}
              </td>
              <td class="wide">{timeOr(key.expires_at, "never")}</td>
              <td class="wide">{timeOr(key.last_used_at, "not known")}</td>
              <td class="num">
                {onRevoke &&
                  key.source === "api" &&
                  key.status === "active" && (
                    <button
                      type="button"
                      class="danger"
                      aria-label={`Revoke ${key.prefix ?? key.name}`}
                      onClick={() => onRevoke(key)}
                    >
                      Revoke…
                    </button>
                  )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const timeOr = (s: number | null, otherwise: string): ComponentChildren =>
  s === null ? <small>{otherwise}</small> : <Time s={s} />;

/** Asked for when the row is there: what a key's owner has used of each limit. */
function LimitUse({ id, call }: { id: string; call: Call }) {
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

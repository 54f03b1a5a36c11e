import type { KeyResponse } from "@jetscribe/schema";
import type { ComponentChildren } from "preact";
import type { Call } from "../api/call.ts";
import { ActionTable } from "../parts/ActionTable.tsx";
import { Time } from "../parts/Time.tsx";
import { LimitUse } from "./LimitUse.tsx";

interface Props {
  keys: readonly KeyResponse[];
  call: Call;
  /** Undefined: they are keys of the past, of which no use is known and which nobody can change. */
  actions: Actions | undefined;
}

interface Actions {
  onChange: (key: KeyResponse) => void;
  onRevoke: (key: KeyResponse) => void;
}

const columns = [
  ...[{ title: "Name" }, { title: "Key" }, { title: "Scopes", class: "wide" }],
  { title: "Limits, and their use now" },
  ...[
    { title: "Expires", class: "wide" },
    { title: "Last used", class: "wide" },
  ],
];

export function KeyTable({ keys, call, actions }: Props) {
  return (
    <ActionTable
      label="List of keys"
      class="keys"
      columns={columns}
      action="Change, revoke"
    >
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
            {actions === undefined ? (
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
            {actions && key.source === "api" && key.status === "active" && (
              <Buttons picked={key} {...actions} />
            )}
          </td>
        </tr>
      ))}
    </ActionTable>
  );
}

function Buttons({
  picked,
  onChange,
  onRevoke,
}: Actions & { picked: KeyResponse }) {
  const name = picked.prefix ?? picked.name;
  return (
    <span class="row-buttons">
      <button
        type="button"
        aria-label={`Change ${name}`}
        onClick={() => onChange(picked)}
      >
        Change…
      </button>
      <button
        type="button"
        class="danger"
        aria-label={`Revoke ${name}`}
        onClick={() => onRevoke(picked)}
      >
        Revoke…
      </button>
    </span>
  );
}

const timeOr = (s: number | null, otherwise: string): ComponentChildren =>
  s === null ? <small>{otherwise}</small> : <Time s={s} />;

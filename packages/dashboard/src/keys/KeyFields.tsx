import type { KeyResponse } from "@jetscribe/schema";
import type { ComponentChildren } from "preact";
import { limitNames, scopeNames } from "./keyBody.ts";

const labels = {
  max_tasks: "Unfinished tasks",
  requests_per_minute: "Calls a minute",
  tokens_per_day: "Tokens a day",
};

interface Props {
  /** What the fields begin with. */
  scopes: readonly KeyResponse["scopes"][number][];
  limits?: KeyResponse["limits"];
  /** What it means that no day is named. */
  otherwise: string;
  /** Below the limits. */
  children?: ComponentChildren;
}

/** What can be said of a key when it is made, and changed later. */
export function KeyFields({ scopes, limits, otherwise, children }: Props) {
  return (
    <>
      <fieldset>
        <legend>Scopes</legend>
        {scopeNames.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              name={name}
              defaultChecked={scopes.includes(name)}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <fieldset class="limits">
        <legend>Limits</legend>
        {limitNames.map((name) => (
          <label key={name}>
            {labels[name]}
            <input
              type="number"
              name={name}
              min={1}
              defaultValue={limits?.[name] ?? ""}
              placeholder="as the gateway's"
            />
          </label>
        ))}
        <label>
          Expires in days
          <input
            type="number"
            name="days"
            min={0.01}
            step="any"
            placeholder={otherwise}
          />
        </label>
        {children}
      </fieldset>
    </>
  );
}

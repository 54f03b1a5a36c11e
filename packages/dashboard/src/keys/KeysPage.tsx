import type { KeyListResponse, KeyResponse } from "@jetscribe/schema";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { CallError, messageOf } from "../api/call.ts";
import { session, type Session } from "../api/session.ts";
import { plural } from "../format.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { at } from "../past/moment.ts";
import { moment } from "../past/openPast.ts";
import { ChangeKey } from "./ChangeKey.tsx";
import { KeyTable } from "./KeyTable.tsx";
import { MakeKey } from "./MakeKey.tsx";
import { RevokeKey } from "./RevokeKey.tsx";
import { shownKeys } from "./shownKeys.ts";

/** API keys with their limits, as `/admin/keys` has them: read when the page opens, and after each change. */
export function KeysPage() {
  const { value } = session;
  return value && <Keys session={value} />;
}

/** So many more rows at a time: the use of each is asked for. */
const rowsAtOnce = 50;

function Keys({ session: { call } }: { session: Session }) {
  const keys = useSignal<readonly KeyResponse[] | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  const text = useSignal("");
  const withEnded = useSignal(false);
  const most = useSignal(rowsAtOnce);
  const making = useSignal(false);
  const changing = useSignal<KeyResponse | undefined>(undefined);
  const revoking = useSignal<KeyResponse | undefined>(undefined);
  const reads = useSignal(0);
  const latest = useRef("");
  /** Undefined while the moment is looked up, or where it is before the first event. */
  const timeS = moment.value?.time;
  const isPast = at.value !== undefined;
  async function load(): Promise<void> {
    error.value = undefined;
    if (isPast && timeS === undefined) {
      latest.current = "";
      keys.value = [];
      return;
    }
    try {
      const path = pathAt(timeS);
      latest.current = path;
      const { keys: found } = await call<KeyListResponse>(path);
      // Another moment is looked at meanwhile.
      if (latest.current !== path) return;
      keys.value = found;
      reads.value++;
    } catch (problem) {
      error.value = problem;
    }
  }
  useEffect(() => void load(), [call, isPast, timeS]);
  const found = shownKeys(keys.value ?? [], text.value, withEnded.value);
  if (error.value instanceof CallError && error.value.status === 403)
    return <NotForThisKey />;
  return (
    <section class="sheet" aria-label="Keys" aria-busy={!keys.value}>
      <h1 class="hidden">Keys and limits</h1>
      {error.value !== undefined && (
        <ErrorNote text={messageOf(error.value)} onRetry={() => void load()} />
      )}
      <section>
        <h2>
          Keys
          <span class="note" role="status">
            {keys.value ? plural(found.length, "key") : "Loading…"}
          </span>
          <span class="space" />
          <button type="button" class="link" onClick={() => void load()}>
            Reload
          </button>
          <button
            type="button"
            class="primary"
            disabled={isPast}
            onClick={() => (making.value = true)}
          >
            Make a key…
          </button>
        </h2>
        <div class="key-tools">
          <input
            type="search"
            aria-label="Search keys"
            placeholder="Name, or how the key begins"
            value={text.value}
            onInput={({ currentTarget }) => (text.value = currentTarget.value)}
          />
          <label>
            <input
              type="checkbox"
              checked={withEnded.value}
              onChange={() => (withEnded.value = !withEnded.value)}
            />
            also expired and revoked ones
          </label>
        </div>
        {keys.value && found.length === 0 ? (
          <div class="empty">
            <p>No key is like this.</p>
          </div>
        ) : (
          <KeyTable
            key={reads.value}
            keys={found.slice(0, most.value)}
            call={call}
            actions={
              isPast
                ? undefined
                : {
                    onChange: (picked) => (changing.value = picked),
                    onRevoke: (picked) => (revoking.value = picked),
                  }
            }
          />
        )}
        {found.length > most.value && (
          <button type="button" onClick={() => (most.value += rowsAtOnce)}>
            Show more
          </button>
        )}
      </section>
      {making.value && (
        <MakeKey
          call={call}
          onClose={(isMade) => {
            making.value = false;
            if (isMade) void load();
          }}
        />
      )}
      {changing.value && (
        <ChangeKey
          picked={changing.value}
          call={call}
          onClose={(isDone) => {
            changing.value = undefined;
            if (isDone) void load();
          }}
        />
      )}
      {revoking.value && (
        <RevokeKey
          picked={revoking.value}
          call={call}
          onClose={(isDone) => {
            revoking.value = undefined;
            if (isDone) void load();
          }}
        />
      )}
    </section>
  );
}

const pathAt = (timeS: number | undefined): string =>
  timeS === undefined ? "/admin/keys" : `/admin/keys?time=${timeS}`;

const NotForThisKey = () => (
  <section class="sheet" aria-label="Keys">
    <h1 class="hidden">Keys and limits</h1>
    <div class="empty" role="alert">
      <p>This key may not manage keys.</p>
      <p>
        It lacks the scope <code>admin</code>. The first key of{" "}
        <code>API_KEYS</code> has it.
      </p>
    </div>
  </section>
);

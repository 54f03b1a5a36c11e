import { useEffect, useMemo } from "preact/hooks";
import { session, type Session } from "../api/session.ts";
import { ErrorNote } from "../parts/ErrorNote.tsx";
import { at } from "../past/moment.ts";
import { Status } from "../parts/Status.tsx";
import { hrefOf } from "../route.ts";
import { Actions } from "./Actions.tsx";
import { Facts } from "./Facts.tsx";
import { openTask } from "./openTask.ts";
import { RawEvents } from "./RawEvents.tsx";
import { RetryChain } from "./RetryChain.tsx";
import { TextReads } from "./TextReads.tsx";
import { Texts } from "./Texts.tsx";
import { Timeline } from "./Timeline.tsx";
import { WhyWaiting } from "./WhyWaiting.tsx";

interface Props {
  id: string;
  /** Undefined: that of the key. */
  owner: string | undefined;
}

export function TaskPage(props: Props) {
  const { value } = session;
  return value && <Task session={value} {...props} />;
}

function Task({ session, id, owner }: Props & { session: Session }) {
  const { value: moment } = at;
  const task = useMemo(
    () => openTask(session, id, { owner, at: moment }),
    [session, id, owner, moment],
  );
  useEffect(() => task.close, [task]);
  const { page, error } = task;
  const { value } = page;
  return (
    <article class="task" aria-busy={value === undefined}>
      <header>
        <a class="back" href={hrefOf("tasks")}>
          Tasks
        </a>
        <h1 class="mono">{id}</h1>
        {value && value.events.length > 0 && <Status status={value.status} />}
        <span class="space" />
        {moment !== undefined ? (
          <span class="note">Nothing can be done with it in the past.</span>
        ) : task.isForeign.value ? (
          <span class="note">
            It is another owner's task: only its own keys act on it.
          </span>
        ) : (
          value && <Actions task={task} session={session} />
        )}
      </header>
      {error.value && <ErrorNote text={error.value} />}
      {value?.events.length === 0 && moment !== undefined && (
        <p class="note">The log had no event of this task yet.</p>
      )}
      {value && value.events.length > 0 && (
        <>
          {moment === undefined && <WhyWaiting task={task} session={session} />}
          <RetryChain task={task} session={session} />
          <Facts task={task} />
          <Timeline history={value} />
          <Texts task={task} />
          <TextReads task={task} />
          <RawEvents events={value.events} />
        </>
      )}
    </article>
  );
}

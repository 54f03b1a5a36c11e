/** A list of any length: only the rows that can be seen are in the page. Arrow keys go through it, Enter opens a task. */
import type { ListedTask } from "@jetscribe/schema";
import { errorTextOf } from "@jetscribe/schema/evolve";
import { useSignal, useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { duration } from "../format.ts";
import { heightOf, rowHeight, spareRows, useSeenRows } from "../parts/seenRows.ts"; // prettier-ignore
import { Status } from "../parts/Status.tsx";
import { Time } from "../parts/Time.tsx";
import { pageTimeS } from "../past/openPast.ts";
import { go, hrefOf, taskHref } from "../route.ts";
import { isOpen } from "../taskStatus.ts";
import type { TaskList } from "./taskList.ts";

const columns = [
  ...["Task", "State", "Model", "User", "Accepted", "Waited", "Ran"],
  ...["Att.", "Error, metadata"],
];

export function TaskTable({ list }: { list: TaskList }) {
  const { rows, more, loading, loadMore } = list;
  const tasks = rows.value;
  const scroller = useRef<HTMLDivElement>(null);
  const { seen, measure } = useSeenRows(scroller);
  const focused = useSignal(0);
  const wantsFocus = useRef(false);
  /** The row that is at the top, and the one that has the focus: they stay where they are when rows come in above. */
  const anchor = useRef<{ top?: string; focus?: string }>({});
  useLayoutEffect(() => {
    const { current } = scroller;
    const { top, focus } = anchor.current;
    const placeOf = (id: string | undefined) =>
      id === undefined ? -1 : tasks.findIndex(({ task_id }) => task_id === id);
    if (seen.value.first > 0 && current) {
      const place = placeOf(top);
      if (place > 0 && place !== seen.value.first)
        current.scrollTop += (place - seen.value.first) * rowHeight(current);
    }
    const focusPlace = focused.value > 0 ? placeOf(focus) : -1;
    if (focusPlace > 0) focused.value = focusPlace;
    measure();
  }, [tasks]);
  useLayoutEffect(() => {
    const top = tasks[seen.value.first]?.task_id;
    const focus = tasks[focused.value]?.task_id;
    anchor.current = { ...(top && { top }), ...(focus && { focus }) };
  });
  useSignalEffect(() => {
    const { first, rows: inView } = seen.value;
    if (list.paused.value) return;
    if (first + inView + spareRows >= rows.value.length && !list.error.value)
      void loadMore();
  });
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    const row = scroller.current?.querySelector<HTMLElement>(
      `[data-row="${focused.value}"]`,
    );
    row?.focus({ preventScroll: true });
  });

  /** Of a list of one owner the tasks don't say whose they are. */
  const hrefOfTask = ({ task_id, owner = list.filter.owner }: ListedTask) =>
    taskHref(task_id, owner);

  function move(to: number): void {
    const { current } = scroller;
    if (!current || tasks.length === 0) return;
    const row = Math.max(0, Math.min(tasks.length - 1, to));
    const rowPx = rowHeight(current);
    const head = headHeight(current);
    const top = row * rowPx;
    const room = current.clientHeight - head;
    if (top < current.scrollTop) current.scrollTop = top;
    if (top + rowPx > current.scrollTop + room)
      current.scrollTop = top + rowPx - room;
    wantsFocus.current = true;
    focused.value = row;
    measure();
  }
  function press(event: KeyboardEvent): void {
    const at = focused.value;
    const steps: Record<string, number> = {
      ...{ ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1 },
      ...{ Home: 0, End: tasks.length - 1 },
      PageDown: at + seen.value.rows - 2,
      PageUp: at - seen.value.rows + 2,
    };
    const to = steps[event.key];
    const task = tasks[at];
    if (to !== undefined) move(to);
    else if (event.key === "Enter" && task) go(hrefOfTask(task));
    else return;
    event.preventDefault();
  }

  const from = Math.max(0, seen.value.first - spareRows);
  const shown = tasks.slice(
    from,
    seen.value.first + seen.value.rows + spareRows,
  );
  const isEmpty = tasks.length === 0 && !loading.value && !more.value;
  return (
    <div class="grid-box">
      <div
        class="task-grid"
        role="grid"
        aria-label="Tasks"
        aria-rowcount={more.value ? -1 : tasks.length + 1}
        aria-colcount={columns.length}
        aria-busy={loading.value}
        ref={scroller}
        tabIndex={tasks.length === 0 ? 0 : -1}
        onScroll={measure}
        onKeyDown={press}
      >
        <div class="row head" role="row" aria-rowindex={1}>
          {columns.map((name) => (
            <span key={name} role="columnheader">
              {name}
            </span>
          ))}
        </div>
        <div class="above" role="presentation" style={heightOf(from)} />
        {shown.map((task, i) => (
          <Row
            key={task.task_id}
            task={task}
            href={hrefOfTask(task)}
            place={from + i}
            isFocused={from + i === focused.value}
            onFocus={() => (focused.value = from + i)}
          />
        ))}
        <div
          role="presentation"
          style={heightOf(tasks.length - from - shown.length)}
        />
      </div>
      {isEmpty && !list.error.value && <Empty list={list} />}
    </div>
  );
}

const headHeight = (grid: HTMLElement): number =>
  grid.querySelector<HTMLElement>(".head")?.offsetHeight ?? 0;

interface RowProps {
  task: ListedTask;
  href: string;
  place: number;
  isFocused: boolean;
  onFocus: () => void;
}

function Row({ task, href, place, isFocused, onFocus }: RowProps) {
  const { started_at, requested_at, ended_at } = task;
  const now = isOpen(task.status) ? pageTimeS.value : 0;
  const waitEnd = started_at ?? ended_at ?? now;
  return (
    <div
      class="row"
      role="row"
      aria-rowindex={place + 2}
      data-row={place}
      tabIndex={isFocused ? 0 : -1}
      onFocus={onFocus}
      onClick={(event) => {
        const { target } = event;
        if (!(target instanceof Element && target.closest("a"))) go(href);
      }}
    >
      <span role="gridcell" class="id">
        <a href={href} tabIndex={-1} title={task.task_id}>
          {shortId(task.task_id)}
        </a>
      </span>
      <span role="gridcell">
        <Status status={task.status} />
      </span>
      <span role="gridcell" class="model">
        {task.model}
        {task.lane === "batch" && <small>batch</small>}
      </span>
      <span role="gridcell" class="user">
        {task.user_id}
      </span>
      <span role="gridcell" class="num">
        <Time s={requested_at} />
      </span>
      <span role="gridcell" class="num">
        {duration(Math.max(0, waitEnd - requested_at))}
      </span>
      <span role="gridcell" class="num">
        {started_at !== undefined &&
          duration(Math.max(0, (ended_at ?? now) - started_at))}
      </span>
      <span role="gridcell" class="num att">
        {task.attempt > 0 && task.attempt}
      </span>
      <span role="gridcell" class="more" title={errorTextOf(task)}>
        {task.error_type && <b class="error-type">{task.error_type}</b>}
        {task.error_message && (
          <span class="error-message">{task.error_message}</span>
        )}
        {Object.entries(task.metadata ?? {}).map(([key, value]) => (
          <span key={key} class="pair">
            {key}={value}
          </span>
        ))}
      </span>
    </div>
  );
}

/** The random end of an id: tasks of one moment begin alike. */
const shortId = (id: string): string => `…${id.slice(-12)}`;

function Empty({ list: { filter, looked } }: { list: TaskList }) {
  const isFiltered =
    looked.value > 0 || location.hash.includes("?") || filter.status.length > 0;
  return (
    <div class="empty">
      {isFiltered ? (
        <>
          <p>No task has all of this.</p>
          <a href={hrefOf("tasks")}>Show all tasks</a>
        </>
      ) : (
        <>
          <p>There are no tasks yet.</p>
          <p class="note">
            Post a prompt, as by <code>npm run try -- "a prompt"</code>, and it
            stands here.
          </p>
        </>
      )}
    </div>
  );
}

import type { ComponentChildren } from "preact";

interface Column {
  title: string;
  class?: string;
}

interface Props {
  /** Of the table, for who can't see it. */
  label: string;
  columns: readonly Column[];
  /** What the buttons at the end of each row do; undefined: there are none. */
  action: string | undefined;
  class?: string;
  /** The rows; the last cell of each has the buttons, if there are any. */
  children: ComponentChildren;
}

/** A table that scrolls sideways where it is too wide, with buttons at the end of each row. */
export function ActionTable({
  label,
  columns,
  action,
  children,
  ...more
}: Props) {
  return (
    <div class="scrolls" tabIndex={0} role="region" aria-label={label}>
      <table class={more.class}>
        <thead>
          <tr>
            {columns.map(({ title, ...column }) => (
              <th key={title} class={column.class}>
                {title}
              </th>
            ))}
            {action !== undefined && (
              <th>
                <span class="hidden">{action}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

import type { NowSnapshot } from "@jetscribe/schema";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { session, type Session } from "../api/session.ts";
import { openNow } from "../now/openNow.ts";
import { ErrorNote } from "./ErrorNote.tsx";

interface Props {
  title: string;
  /** Draws the page, once it is there. */
  children: (page: NowSnapshot, session: Session) => ComponentChildren;
}

/** A page that shows how the system is, as the view `now` of the feed tells it. */
export function NowFeed({ title, children }: Props) {
  const { value } = session;
  return (
    value && (
      <Following title={title} session={value}>
        {children}
      </Following>
    )
  );
}

function Following({ title, session, children }: Props & { session: Session }) {
  const now = useMemo(() => openNow(session), [session]);
  useEffect(() => now.close, [now]);
  const { value: page } = now.page;
  return (
    <section class="sheet" aria-label={title} aria-busy={page === undefined}>
      <h1 class="hidden">{title}</h1>
      {now.error.value && <ErrorNote text={now.error.value} />}
      {page && children(page, session)}
    </section>
  );
}

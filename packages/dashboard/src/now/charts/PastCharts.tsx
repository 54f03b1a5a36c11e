import { useEffect, useMemo } from "preact/hooks";
import { session } from "../../api/session.ts";
import { Charts } from "./Charts.tsx";
import { openCharts } from "./openCharts.ts";

/** Steps of 10 s are not kept for long: the past is shown in minutes. */
const stepS = 60;

/** The charts up to a moment of the past, in seconds since the epoch; undefined: its time is not known. */
export function PastCharts({ thenS }: { thenS: number | undefined }) {
  const { value: signedIn } = session;
  const minute = thenS === undefined ? undefined : Math.floor(thenS / stepS);
  const opened = useMemo(() => {
    if (signedIn === undefined || minute === undefined) return undefined;
    const ending = new AbortController();
    const charts = openCharts(signedIn, ending.signal, minute * stepS);
    charts.begin(stepS);
    return { charts, close: () => ending.abort() };
  }, [signedIn, minute]);
  useEffect(() => opened?.close, [opened]);
  return opened && <Charts charts={opened.charts} />;
}

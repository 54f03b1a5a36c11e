/** How many calls were answered, by method, route and status. */

export type CallCounts = ReturnType<typeof makeCallCounts>;

interface Calls {
  method: string;
  /** The route's path, as `/result/:task_id`: its values would be too many. */
  route: string;
  status: number;
  count: number;
}

export function makeCallCounts() {
  const counts = new Map<string, Calls>();
  /** What counts the answers of a route: here, and not in the metrics' client, since most calls are never scraped. */
  function of(route: string): (method: string, status: number) => void {
    /** The latest: most calls of a route are answered alike. */
    let latest: Calls | undefined;
    return (method, status) => {
      if (latest?.status !== status || latest.method !== method)
        latest = found({ method, route, status, count: 0 });
      latest.count++;
    };
  }
  function found(calls: Calls): Calls {
    const name = `${calls.status} ${calls.method} ${calls.route}`;
    const known = counts.get(name) ?? calls;
    counts.set(name, known);
    return known;
  }
  const all = (): readonly Readonly<Calls>[] => [...counts.values()];
  return { of, all };
}

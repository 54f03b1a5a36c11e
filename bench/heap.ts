/** The heap of a running service, asked through its inspector, which a signal opens. Only the bench does this. */
import { eventually } from "@jetscribe/testing";
import { once } from "node:events";

/** In a service's environment: each one's inspector listens on a port of its own. */
export const inspectable = { NODE_OPTIONS: "--inspect-port=0" };

export interface Heap extends Disposable {
  /** Bytes in use after a forced collection. */
  used(): Promise<number>;
}

interface Answer {
  id?: number;
  result?: { usedSize?: number };
}

/** `output` gives the last lines of the process, in which the inspector says where it listens. */
export async function openHeap(
  pid: number,
  output: () => string,
): Promise<Heap> {
  process.kill(pid, "SIGUSR1");
  const url = await eventually(
    () => /Debugger listening on (ws:\S+)/.exec(output())?.[1],
  );
  const socket = new WebSocket(url);
  await once(socket, "open");
  const asked = new Map<number, (result: Answer["result"]) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id = 0, result } = JSON.parse(String(data)) as Answer;
    asked.get(id)?.(result);
    asked.delete(id);
  });
  let last = 0;
  const ask = (method: string) =>
    new Promise<Answer["result"]>((resolve) => {
      const id = ++last;
      asked.set(id, resolve);
      socket.send(JSON.stringify({ id, method }));
    });
  return {
    async used() {
      // What is released by the first one's finalizers goes with the second one.
      await ask("HeapProfiler.collectGarbage");
      await ask("HeapProfiler.collectGarbage");
      return (await ask("Runtime.getHeapUsage"))?.usedSize ?? NaN;
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/** Stands between the services and a server, so that connections can be cut and stalled. */
import { freePort } from "@jetscribe/testing";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Resets the connections that `chosen` says. */
  cut(chosen: () => boolean): void;
  /** Lets nothing through, in neither direction, until the function that it gives is called. */
  stall(): () => void;
}

/** `target`: a port; or says for each connection which one. */
export async function startProxy(
  target: number | (() => number),
): Promise<Proxy> {
  const pairs = new Set<[Socket, Socket]>();
  let stalled = false;
  const server = createServer((near) => {
    const targetPort = typeof target === "number" ? target : target();
    const far = connect(targetPort, "127.0.0.1");
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    join(pair, () => pairs.delete(pair));
    if (!stalled) flow(pair);
  });
  const port = await freePort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port,
    cut(chosen) {
      for (const [near, far] of [...pairs].filter(chosen)) {
        near.resetAndDestroy();
        far.destroy();
      }
    },
    stall() {
      stalled = true;
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
      return () => {
        stalled = false;
        for (const pair of pairs) flow(pair);
      };
    },
    async [Symbol.asyncDispose]() {
      for (const socket of [...pairs].flat()) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function join(pair: [Socket, Socket], onEnd: () => void): void {
  for (const socket of pair) {
    socket.setNoDelay(true);
    socket.on("error", () => {}); // `close` follows
    socket.on("close", () => {
      for (const end of pair) end.destroy();
      onEnd();
    });
  }
}

function flow([near, far]: [Socket, Socket]): void {
  near.pipe(far);
  far.pipe(near);
}

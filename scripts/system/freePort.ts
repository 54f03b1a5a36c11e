import net from "node:net";

/** Whether a server could listen there now. Rejects where the host is none of this machine. */
export function isFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES"
        ? resolve(false)
        : reject(error),
    );
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** Processes that look at the same time, and get ids close to each other, begin far apart. */
const apart = 97;

/**
 * Gives free ports on loopback out of `count` from `lowest` on: the preferred one if it is free, else one that this process
 * was not given before, until it was given each of them once.
 */
export function makeFreePort(lowest: number, count: number) {
  let next = process.pid * apart;
  return async (preferred?: number): Promise<number> => {
    if (preferred && (await isFree(preferred))) return preferred;
    for (;;) {
      const port = lowest + (next++ % count);
      if (await isFree(port)) return port;
    }
  };
}

/**
 * From such a port a server may be away for a while: they lie below the range from which systems take the ports of
 * outgoing connections.
 */
export const freePort = makeFreePort(20_000, 12_000);

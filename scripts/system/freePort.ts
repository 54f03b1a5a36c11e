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

/** Below the range from which systems take the ports of outgoing connections. */
const lowestPort = 20_000;
const portCount = 12_000;
/** Processes that look at the same time, and get ids close to each other, begin far apart. */
const apart = 97;
let next = process.pid * apart;

/**
 * A free port on loopback: the preferred one if it is free, else one from which a server may be away for a while: no
 * outgoing connection takes it, and this process is given each of them once before it is given one again.
 */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred && (await isFree(preferred))) return preferred;
  for (;;) {
    const port = lowestPort + (next++ % portCount);
    if (await isFree(port)) return port;
  }
}

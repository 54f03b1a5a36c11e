/** A NATS cluster of three nodes, each of which can be cut off from the others. */
import { startNatsCluster, type NatsCluster } from "@jetscribe/testing";
import { startProxy, type Proxy } from "../chaos/proxy.ts";

export interface CutCluster extends AsyncDisposable {
  readonly cluster: NatsCluster;
  /** Nothing passes between this node and the others, until the function that it gives is called. Its clients stay. */
  readonly cutOff: (node: number) => () => void;
  readonly isCutOff: (node: number) => boolean;
}

interface Link {
  ends: readonly number[];
  proxy: Proxy;
}

export async function startCutCluster(): Promise<CutCluster> {
  await using opened = new AsyncDisposableStack();
  const links: Link[] = [];
  const apart = new Set<number>();
  const cluster = opened.use(
    await startNatsCluster({
      version: "newest",
      async link({ from, to }, port) {
        const proxy = opened.use(await startProxy(port));
        links.push({ ends: [from, to], proxy });
        return proxy.port;
      },
    }),
  );
  const all = opened.move();
  return {
    cluster,
    cutOff(node) {
      const cut = links.filter(({ ends }) => ends.includes(node));
      const flows = cut.map(({ proxy }) => proxy.stall());
      apart.add(node);
      return () => {
        for (const flow of flows) flow();
        apart.delete(node);
      };
    },
    isCutOff: (node) => apart.has(node),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

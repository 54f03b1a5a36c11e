/** The whole system on a NATS cluster of three nodes, each of which can be cut off from the others. */
import { startNatsCluster, type NatsCluster } from "@jetscribe/testing";
import { startFleet, type Fleet, type Sizes } from "../chaos/fleet.ts";
import { startProxy, type Proxy } from "../chaos/proxy.ts";

export interface ClusterFleet extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly cluster: NatsCluster;
  /** Nothing passes between this node and the others, until the function that it gives is called. Its clients stay. */
  readonly cutOff: (node: number) => () => void;
}

interface Link {
  ends: readonly number[];
  proxy: Proxy;
}

export async function startClusterFleet(sizes: Sizes): Promise<ClusterFleet> {
  await using opened = new AsyncDisposableStack();
  const links: Link[] = [];
  const isCutOff = new Set<number>();
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
  const front = opened.use(await startProxy(() => witnessPort()));

  /** Of a node that runs and belongs to the cluster: what the witness reads is the cluster's word. */
  function witnessPort(): number {
    const up = cluster.nodes.filter(
      ({ pid }, i) => pid !== undefined && !isCutOff.has(i),
    );
    return up[0]?.port ?? 0;
  }

  const [node] = cluster.nodes;
  if (node === undefined) throw new Error("a cluster has nodes");
  const nats = { ...node, port: front.port };
  const env = { NATS_URL: cluster.url, REPLICAS: "3" };
  const fleet = await startFleet({ broker: { nats, env }, sizes });
  opened.defer(() => fleet.stop());
  const all = opened.move();
  return {
    fleet,
    cluster,
    cutOff(node) {
      const cut = links.filter(({ ends }) => ends.includes(node));
      const flows = cut.map(({ proxy }) => proxy.stall());
      isCutOff.add(node);
      return () => {
        for (const flow of flows) flow();
        isCutOff.delete(node);
      };
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

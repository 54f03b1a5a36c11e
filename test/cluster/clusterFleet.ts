/** The whole system on a NATS cluster of three nodes, each of which can be cut off from the others. */
import { startFleet, type Fleet, type Sizes } from "../chaos/fleet.ts";
import { startProxy } from "../chaos/proxy.ts";
import { startCutCluster, type CutCluster } from "./cutCluster.ts";

export interface ClusterFleet extends Omit<CutCluster, "isCutOff"> {
  readonly fleet: Fleet;
}

export async function startClusterFleet(sizes: Sizes): Promise<ClusterFleet> {
  await using opened = new AsyncDisposableStack();
  const { cluster, cutOff, isCutOff } = opened.use(await startCutCluster());
  const front = opened.use(await startProxy(() => witnessPort()));

  /** Of a node that runs and belongs to the cluster: what the witness reads is the cluster's word. */
  function witnessPort(): number {
    const up = cluster.nodes.filter(
      ({ pid }, i) => pid !== undefined && !isCutOff(i),
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
    cutOff,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

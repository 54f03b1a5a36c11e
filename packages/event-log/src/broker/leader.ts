/**
 * Pure: whether the node of a cluster that tells a stream's state leads it. One that knows of no leader answers for
 * itself, with what it knew last; and one that is cut off from the others believes that it leads until it looks, every
 * 10 s, whether it heard them in the last 10 s, while they have elected another and go on.
 */
import type { ClusterInfo } from "@nats-io/jetstream";

export interface Leader {
  node: string;
  /** Since when, by its own word: another time means that others may have led in between. */
  since: string;
  /** How long ago it had heard so many others as make a majority with it. */
  silentMs: number;
}

/** A healthy leader hears its followers every 2 s; no other one is elected before they have heard nothing for 4 s. */
const maxSilentMs = 3_000;

/** The client's types lack what servers say from 2.12 on. */
type Answer = ClusterInfo & { leader_since?: string };

/** Undefined: the stream has no copies. Throws where the node does not lead, or not surely. */
export function leaderOf(answer: Answer): Leader | undefined {
  const { leader: node, leader_since: since = "", replicas = [] } = answer;
  // A leader does not name itself among the others.
  if (!node || replicas.some(({ name }) => name === node))
    throw new Error("the node does not lead the stream");
  if (replicas.length === 0) return undefined;
  const silences = replicas
    // 0: it never heard that one.
    .map(({ active }) => (active > 0 ? active / 1e6 : Infinity))
    .sort((a, b) => a - b);
  const needed = Math.floor((replicas.length + 1) / 2);
  const silentMs = silences[needed - 1] ?? Infinity;
  if (silentMs > maxSilentMs)
    throw new Error("the stream's leader does not hear the others");
  return { node, since, silentMs };
}

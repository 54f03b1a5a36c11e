/** What a NATS micro service answers when it is asked who it is: ADR-32 of NATS. */

/** Of one endpoint since its start. Times are in nanoseconds, a wait for an outcome included. */
export interface EndpointStats {
  num_requests: number;
  num_errors: number;
  /** The words of the last refusal; "": there was none. */
  last_error: string;
  processing_time: number;
}

export interface MicroInfo {
  /** Letters, digits, `-` and `_`. */
  name: string;
  /** Of this process. */
  id: string;
  /** By semver. */
  version: string;
  description: string;
  /** Anybody who may ask reads it. */
  metadata: Record<string, string>;
}

/** An endpoint as INFO and STATS name it. */
interface Endpoint {
  name: string;
  subject: string;
  queue_group: string;
  metadata: Record<string, string>;
}

const typeOf = (verb: string) => `io.nats.micro.v1.${verb}_response`;

export const pingOf = ({ description: _, ...identity }: MicroInfo) => ({
  ...identity,
  type: typeOf("ping"),
});

export const infoOf = (info: MicroInfo, endpoints: readonly Endpoint[]) => ({
  ...info,
  endpoints,
  type: typeOf("info"),
});

/** `started`: RFC 3339, in UTC. */
export const statsOf = (
  { description: _, ...identity }: MicroInfo,
  started: string,
  endpoints: readonly (Pick<Endpoint, "name" | "subject" | "queue_group"> & {
    stats: EndpointStats;
  })[],
) => ({
  ...identity,
  started,
  endpoints: endpoints.map(({ name, subject, queue_group, stats }) => ({
    ...{ name, subject, queue_group, ...stats },
    average_processing_time: Math.round(
      stats.processing_time / Math.max(1, stats.num_requests),
    ),
  })),
  type: typeOf("stats"),
});

/** The subjects on which a service is asked: all services, those of its name, and itself alone. */
export const askedOn = (
  verb: "PING" | "INFO" | "STATS",
  { name, id }: Pick<MicroInfo, "name" | "id">,
): string[] => {
  const all = `$SRV.${verb}`;
  return [all, `${all}.${name}`, `${all}.${name}.${id}`];
};

/** Why a call was refused: a status as of HTTP, and the words for it. */
export interface MicroError {
  code: number;
  text: string;
}

export const errorHeaders = ({ code, text }: MicroError) => ({
  "Nats-Service-Error": text,
  "Nats-Service-Error-Code": String(code),
});

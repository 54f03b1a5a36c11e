/** Every service is a NATS micro service: `nats micro ls` lists it, and the tools of NATS ask it how it does. */
import type { Broker } from "@jetscribe/event-log/broker/connection";
import {
  serveMicro,
  type MicroEndpoint,
} from "@jetscribe/event-log/micro/microService";
import own from "../package.json" with { type: "json" };
import type { ServiceContext } from "./lifecycle.ts";

interface Micro {
  /** What the service does, in one line. */
  description: string;
  /** Which one of its kind it is. Whoever may ask the broker's services reads it. */
  metadata?: Record<string, string>;
  /** The calls that it takes. */
  endpoints?: readonly MicroEndpoint[];
}

/** `jetscribe-<service>`, until the service stops. Called last: what is opened last takes no more calls first. */
export function joinMicro(
  service: string,
  broker: Broker,
  { stack }: Pick<ServiceContext, "stack">,
  { description, metadata = {}, endpoints = [] }: Micro,
): void {
  const { namespace } = broker;
  stack.use(
    serveMicro(broker, {
      name: `jetscribe-${service}`,
      version: own.version,
      description,
      metadata: { ...(namespace !== undefined && { namespace }), ...metadata },
      endpoints,
    }),
  );
}

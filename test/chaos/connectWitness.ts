import type { Fleet } from "./fleet.ts";
import { connectNats, type Nats } from "./wire/nats.ts";

/** How a witness reaches the broker. */
export type Witnessed = Pick<Fleet, "nats" | "login">;

/** Connects past the proxy, as a user who may do everything. */
export const connectWitness = ({ nats, login }: Witnessed): Promise<Nats> =>
  connectNats(nats.port, login);

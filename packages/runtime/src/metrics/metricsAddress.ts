/** Where a process serves its metrics. */
import { setting } from "../config.ts";

export interface MetricsAddress {
  host: string;
  port: number;
}

/** `9464` of this machine alone, or `0.0.0.0:9464` for others too. */
const readAddress = (text: string): MetricsAddress | undefined => {
  const [, host = "127.0.0.1", digits = ""] =
    /^(?:([\w.-]+|\[[0-9a-f:]+\]):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port < 1 || port > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port };
};

export const metricsAddress = setting<MetricsAddress, string>(
  "a port, or an address and a port as 0.0.0.0:9464",
  readAddress,
);

/** Traces, where the environment asks for them; else nothing of them is loaded. */
import type { Tracing } from "@jetscribe/otel/port";
import type { Env } from "../config.ts";
import type { Logger } from "../logger.ts";

/** Whether the variables of OpenTelemetry ask for traces. */
export function asksForTraces(env: Env): boolean {
  if (/^true$/i.test(env["OTEL_SDK_DISABLED"]?.trim() ?? "")) return false;
  const exporter = env["OTEL_TRACES_EXPORTER"]?.trim();
  if (exporter) return exporter !== "none";
  const endpoints = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  ];
  return endpoints.some((name) => env[name]?.trim());
}

/** Undefined: no traces. A service works without them, so what keeps them away is only logged. */
export async function loadTracing(
  service: string,
  env: Env,
  log: Logger,
): Promise<Tracing | undefined> {
  if (!asksForTraces(env)) return undefined;
  try {
    const { startTracing } = await import("@jetscribe/otel");
    return startTracing({
      service: `${env["OTEL_SERVICE_NAME"]?.trim() || "jetscribe"}-${service}`,
      onTrouble: (code) => log.warn({ code }, "traces can't be exported"),
    });
  } catch (error) {
    log.error({ err: error }, "traces are asked for, and can't be made");
    return undefined;
  }
}

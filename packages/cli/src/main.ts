#!/usr/bin/env -S node --max-semi-space-size=4
/**
 * `jetscribe`: the log and the API keys at the command line. In a clone of the repository `npm run jetscribe -- …`, which finds the system
 * that runs there; elsewhere the environment says where the broker is. The flag of V8 keeps the memory of a long replay small.
 */
import { exceptLoopback } from "@jetscribe/runtime/exceptLoopback";
import { run } from "./run.ts";

// No proxy is asked for a gateway on this machine.
Object.assign(
  process.env,
  exceptLoopback(process.env, process.env["JETSCRIBE_URL"]),
);
await run(process.argv.slice(2), process.env);

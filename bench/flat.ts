/** Whether memory stays flat while many tasks go through: of each service, the heap after a collection and what is resident. */
import { stackServices } from "@jetscribe/testing";
import { round, slopeOf, type Figures, type Options } from "./figures.ts";
import { inspectable, openHeap, type Heap } from "./heap.ts";
import { startSystem, submit, untilDone, type System } from "./system.ts";

const SAMPLES = 20;
/** So many of them, the last ones, are to show no slope. */
const LAST = 10;
const MB = 1e6;

type Sample = Record<
  (typeof stackServices)[number],
  { heap: number; resident: number }
>;

export async function memory({ tasks }: Options): Promise<Figures> {
  await using system = await startSystem({ env: inspectable });
  using heaps = await openHeaps(system);
  const samples: Sample[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const { ids } = await submit(system, tasks);
    await untilDone(system, ids);
    samples.push(await sampleOf(system, heaps.of));
  }
  const through = (SAMPLES * tasks).toLocaleString("en");
  const column = (
    kind: "heap" | "resident",
    service: (typeof stackServices)[number],
  ) => samples.map((sample) => sample[service][kind]);
  const rows = (["heap", "resident"] as const).flatMap((kind) => [
    ...[SAMPLES / 4, SAMPLES / 2, SAMPLES].map(
      (at) =>
        [
          `${kind} after ${(at * tasks).toLocaleString("en")} tasks, MB`,
          ofEach((service) => (column(kind, service)[at - 1] ?? NaN) / MB),
        ] as const,
    ),
    [
      `${kind}, bytes more per task over the last ${LAST} of ${SAMPLES} samples (${through} tasks)`,
      ofEach((service) => slopeOf(column(kind, service).slice(-LAST)) / tasks),
    ] as const,
  ]);
  return Object.fromEntries(rows);
}

async function sampleOf(
  system: System,
  heaps: ReadonlyMap<(typeof stackServices)[number], Heap>,
): Promise<Sample> {
  const entries: [
    (typeof stackServices)[number],
    Sample[(typeof stackServices)[number]],
  ][] = [];
  for (const [service, heap] of heaps)
    entries.push([service, { heap: await heap.used(), resident: 0 }]);
  const usage = system.usage();
  for (const [service, sample] of entries)
    sample.resident = usage[service].resident;
  return Object.fromEntries(entries) as Sample;
}

async function openHeaps({ stack }: System) {
  const open = new DisposableStack();
  const heaps = new Map<(typeof stackServices)[number], Heap>();
  for (const service of stackServices) {
    const output = () => stack.output(service);
    const heap = await openHeap(stack.pid(service) ?? 0, output);
    heaps.set(service, open.use(heap));
  }
  return { of: heaps, [Symbol.dispose]: () => open.dispose() };
}

const ofEach = (figure: (service: (typeof stackServices)[number]) => number) =>
  Object.fromEntries(
    stackServices.map((service) => [service, round(figure(service))]),
  );

/** Builds mutants into a copy of the project, runs it, and says which of them the checker has seen. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyProject } from "./copyProject.ts";
import { findCode } from "./findCode.ts";
import { runs, type Mutant } from "./mutant.ts";

const firstSeed = 7;
/** Faults come by chance, and may miss what a mutant breaks: those that were not seen run again, with another seed. */
const mostRuns = 3;
const bounds = ["--seconds", "20", "--settle", "12", "--pause", "500"];
const mostRunMs = 4 * 60_000;
/** All runs together end within this. */
export const mostMs = mostRuns * mostRunMs;

export interface Catch {
  /** By the mutant's name: every line that the checker said of it. */
  said: ReadonlyMap<string, readonly string[]>;
  output: string;
}

/** Runs all of them in one system; they have to be of one run. Those that the checker does not see run again without the others. */
export async function catchMutants(mutants: readonly Mutant[]): Promise<Catch> {
  const said = new Map<string, readonly string[]>();
  let output = "";
  for (let run = 0; run < mostRuns; run++) {
    const left = mutants.filter(({ name }) => !said.get(name)?.length);
    if (left.length === 0) break;
    const caught = await runMutants(left, String(firstSeed + run));
    for (const [name, lines] of caught.said) said.set(name, lines);
    output += caught.output;
  }
  return { said, output };
}

async function runMutants(
  mutants: readonly Mutant[],
  seed: string,
): Promise<Catch> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-mutant-"));
  try {
    await copyProject(dir);
    for (const mutant of mutants) await mutate(join(dir, mutant.file), mutant);
    const { code, output } = await runChaos(dir, [
      ...["--seed", seed, ...bounds],
      ...argumentsOf(mutants),
    ]);
    // What isn't in the end of a run that found violations was not said by the checker.
    const lines = code === 1 ? output.split("\n") : [];
    const said = mutants.map(
      ({ name, caught }) =>
        [name, lines.filter((line) => caught.test(line))] as const,
    );
    return { said: new Map(said), output };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function argumentsOf(mutants: readonly Mutant[]): readonly string[] {
  const names = new Set(mutants.map(({ run }) => run));
  const [name] = names;
  if (name === undefined || names.size > 1)
    throw new Error(`mutants of ${names.size} runs`);
  return runs[name];
}

async function mutate(path: string, { name, find, replace }: Mutant) {
  const text = await readFile(path, "utf8");
  const [place, ...others] = findCode(text, find);
  if (place === undefined || others.length > 0)
    throw new Error(
      `${name}: not one place in ${path}, but ${place ? 1 + others.length : 0}`,
    );
  await writeFile(
    path,
    text.slice(0, place.start) + replace + text.slice(place.end),
  );
}

async function runChaos(dir: string, args: readonly string[]) {
  const child = spawn(
    process.execPath,
    [
      ...["--disable-warning=ExperimentalWarning", "test/chaos/run.ts"],
      ...args,
    ],
    { cwd: dir, stdio: ["ignore", "pipe", "inherit"], timeout: mostRunMs },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

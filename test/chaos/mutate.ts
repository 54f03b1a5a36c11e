/** `pnpm chaos:mutants [NAME...]`: proves the checker. Every mutant of the system has to be caught by it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { copyProject } from "./copyProject.ts";
import { mutants, type Mutant } from "./mutants.ts";

const seed = "7";
const bounds = ["--seconds", "25", "--settle", "30", "--pause", "500"];
const mostMs = 5 * 60_000;

/** What the checker said; undefined: it has not seen what it had to see. */
async function catchMutant(mutant: Mutant): Promise<string | undefined> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-mutant-"));
  try {
    await copyProject(dir);
    await mutate(join(dir, mutant.file), mutant);
    const { code, output } = await runChaos(dir, mutant.run);
    const said = output.split("\n").find((line) => mutant.caught.test(line));
    if (code === 1 && said !== undefined) return said;
    console.log(output);
    return undefined;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function mutate(path: string, { name, find, replace }: Mutant) {
  const text = await readFile(path, "utf8");
  const parts = text.split(find);
  if (parts.length !== 2)
    throw new Error(`${name}: ${path} has ${parts.length - 1} such places`);
  await writeFile(path, parts.join(replace));
}

async function runChaos(dir: string, args: readonly string[]) {
  const child = spawn(
    process.execPath,
    [
      ...["--disable-warning=ExperimentalWarning", "test/chaos/run.ts"],
      ...["--seed", seed, ...bounds, ...args],
    ],
    { cwd: dir, stdio: ["ignore", "pipe", "inherit"], timeout: mostMs },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

const names = process.argv.slice(2);
const chosen = mutants.filter(
  ({ name }) => names.length === 0 || names.some((word) => name.includes(word)),
);
let escaped = 0;
for (const mutant of chosen) {
  const said = await catchMutant(mutant);
  if (said === undefined) escaped++;
  console.log(
    said === undefined
      ? `escaped: ${mutant.name}`
      : `caught: ${mutant.name}: ${said}`,
  );
}
console.log(`${chosen.length - escaped} caught, ${escaped} escaped`);
if (escaped > 0 || chosen.length === 0) process.exitCode = 1;

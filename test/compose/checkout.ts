/** A fresh clone: what git has, and what it would take, in a folder of its own. */
import { chown, cp, mkdir, mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "../../scripts/install/project.mjs";
import { shell } from "./shell.ts";

/** The user whose checkout it is, where the tests may choose one; root's logs would be those of user 1000. */
const ada = { uid: 4242, gid: 4243 };

export interface Checkout {
  dir: string;
  owner: { uid: number; gid: number };
}

export async function makeCheckout(): Promise<Checkout> {
  const dir = await mkdtemp(join(tmpdir(), "jetscribe-compose-"));
  const flags = ["--cached", "--others", "--exclude-standard", "-z"];
  const list = await shell("git", ["-C", root, "ls-files", ...flags]);
  for (const file of list.split("\0").filter((name) => name !== "")) {
    const to = join(dir, file);
    await mkdir(dirname(to), { recursive: true });
    await cp(join(root, file), to, { verbatimSymlinks: true }).catch(
      ifThere, // deleted, and not yet committed
    );
  }
  const owner = { uid: process.getuid!(), gid: process.getgid!() };
  if (owner.uid !== 0) return { dir, owner };
  await giveTo(dir, ada);
  return { dir, owner: ada };
}

function ifThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

async function giveTo(
  dir: string,
  { uid, gid }: Checkout["owner"],
): Promise<void> {
  await chown(dir, uid, gid);
  for (const entry of await readdir(dir, { recursive: true }))
    await chown(join(dir, entry), uid, gid);
}

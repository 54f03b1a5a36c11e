/** The project in another folder, to be changed there: its sources are copied, what was installed is linked. */
import { cp, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../../scripts/install/project.mjs";

const sources = ["packages", "services", "scripts", "test", "models", "docs"];
const files = ["package.json", "pnpm-workspace.yaml"];

export async function copyProject(to: string): Promise<void> {
  // The workspace's links are relative: in the copy they lead to the copied packages.
  const options = { recursive: true, verbatimSymlinks: true };
  for (const name of [...sources, ...files])
    await cp(join(root, name), join(to, name), options);
  await mkdir(join(to, "node_modules"));
  const [modules, copied] = [join(root, "node_modules"), join(to, "node_modules")]; // prettier-ignore
  for (const name of await readdir(modules))
    if (name === ".pnpm")
      await symlink(join(modules, name), join(copied, name));
    else await cp(join(modules, name), join(copied, name), options);
  await symlink(join(root, ".local"), join(to, ".local"));
}

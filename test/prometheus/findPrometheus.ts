/** Debian's Prometheus and promtool: the machine's own, or unpacked into `.local` where there are none. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { distribution, unpackDebs } from "../../scripts/install/debs.mjs";
import { withLock } from "../../scripts/install/lock.mjs";
import { localDir } from "../../scripts/install/project.mjs";
import { onPath } from "../../scripts/install/setup.mjs";

export interface Programs {
  prometheus: string;
  promtool: string;
}

/** Undefined where the machine has none and none can be brought. */
export async function findPrometheus(): Promise<Programs | undefined> {
  const [prometheus] = onPath("prometheus");
  const [promtool] = onPath("promtool");
  if (prometheus !== undefined && promtool !== undefined)
    return { prometheus, promtool };
  const own = distribution();
  if (own === undefined) return undefined;
  const dir = join(localDir, "prometheus");
  await withLock(`${dir}.lock`, async () => {
    if (!existsSync(dir))
      await unpackDebs(own, own.codename, ["prometheus"], dir);
  }).catch((error: unknown) => {
    console.warn("SKIPPED, without Prometheus:", error);
  });
  const bin = join(dir, "usr/bin");
  const brought = {
    prometheus: join(bin, "prometheus"),
    promtool: join(bin, "promtool"),
  };
  return existsSync(brought.promtool) ? brought : undefined;
}

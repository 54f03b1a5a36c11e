/** The images that the tests need: from their registry; where that can't be reached, from this machine's packages. */
import { join } from "node:path";
import { root } from "../../scripts/install/project.mjs";
import { docker, shell } from "./shell.ts";

/** Those of deploy/Dockerfile. */
const bases = ["node:24-bookworm-slim", "nats:2-alpine", "redis:7-alpine", "haproxy:3.2-alpine"]; // prettier-ignore

/** Whether it is here now. */
export async function getImage(image: string): Promise<boolean> {
  if (await isHere(image)) return true;
  try {
    await docker("pull", "--quiet", image);
  } catch {
    const offline = join(root, "deploy/offline-images.sh");
    console.log(`${image} can't be pulled; ${offline} makes what it can`);
    await shell("bash", [offline]);
  }
  return isHere(image);
}

export async function getBaseImages(): Promise<void> {
  for (const image of bases)
    if (!(await getImage(image))) throw new Error(`${image} can't be had`);
}

const isHere = (image: string): Promise<boolean> =>
  docker("image", "inspect", image).then(
    () => true,
    () => false,
  );

/** The adapters' own tests, on the oldest and the newest server that can be had as an image. */
import { join } from "node:path";
import { bringPackages } from "../../scripts/install/bringPackages.mjs";
import { root } from "../../scripts/install/project.mjs";
import { getImage } from "./images.ts";
import { docker } from "./shell.ts";

export interface AdapterRun {
  name: string;
  /** Whose tests with servers are run. */
  folder: string;
  env: Record<string, string>;
}

const images = {
  nats: ["nats:2.9-alpine", "nats:2-alpine"],
  // The last one is there in any case: the system's own.
  redis: ["redis:7.0-alpine", "redis:8-alpine", "redis:7-alpine"],
};
const wanted = 2;

const sources = join(root, "test/compose/testcontainers");

export async function adapterRuns(): Promise<AdapterRun[]> {
  const common = {
    // Nobody else carries its 173 packages.
    TESTCONTAINERS_FOLDER: await bringPackages(sources, "testcontainers"),
    // Its image takes away what a killed test leaves; ours end what they started, and the image may not be had.
    TESTCONTAINERS_RYUK_DISABLED: "true",
  };
  const nats = await versionsOf("nats");
  const [oldest = "", newest = oldest] = nats;
  const redis = await versionsOf("redis");
  return [
    {
      name: `event-log on ${nats.join(" and ")}`,
      folder: "packages/event-log/src",
      env: {
        ...common,
        ...{ NATS_IMAGE: newest, NATS_IMAGE_NEWEST: newest },
        NATS_IMAGE_OLDEST: oldest,
      },
    },
    ...redis.map((one) => ({
      name: `task-store on ${one}`,
      folder: "packages/task-store/src",
      env: { ...common, REDIS_IMAGE: one },
    })),
  ];
}

/** Each image with its version, in the order of the list. */
async function versionsOf(kind: keyof typeof images): Promise<string[]> {
  const found: string[] = [];
  for (const image of images[kind].slice(0, wanted))
    if (await getImage(image)) found.push(image);
    else console.log(`SKIPPED: ${image} can't be had, so ${kind} is not tested with it`); // prettier-ignore
  const any = found.length > 0 ? found : images[kind].slice(wanted);
  return Promise.all(any.map(async (image) => `${image} ${await versionIn(image, kind)}`)); // prettier-ignore
}

async function versionIn(image: string, kind: string): Promise<string> {
  const program = ["--entrypoint", `${kind}-server`, image, "--version"];
  const said = await docker("run", "--rm", ...program);
  const version = /v=?(\d+\.\d+\.\d+)/.exec(said)?.[1];
  if (version === undefined) throw new Error(`${image} says ${said}`);
  return version;
}

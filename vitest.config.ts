/** How the tests run: one project for each suffix of a test's name, by what the test needs. */
import { randomInt } from "node:crypto";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What `npm run test:long` runs and `npm test` leaves out: rare faults, each of which takes its time to bring about. */
const long = [
  ...["client", "cluster", "disconnects", "durability", "mutants"].map(
    (folder) => `test/${folder}/*.test.ts`,
  ),
  "packages/event-log/src/streams/cluster.int.test.ts",
  "test/chaos/brokerRestart.e2e.test.ts",
  "test/flow/{diskHeals,fullDisk,fullLog,fullRedis,fullStreams,lostQueues}.e2e.test.ts",
];

/**
 * What `npm run test:long` runs once more with FAST_PATHS=off: the tests through which messages of every kind are written
 * and read, request bodies, the bytes of the log as they are counted by headers, and one whole system.
 */
const plain = [
  "packages/event-log/src/{append,broker,codec,read,signals,tokens,work}/*.{unit,int}.test.ts",
  "services/gateway/src/http/{app,body,validate}.int.test.ts",
  "services/results/src/projection/measure.int.test.ts",
  "test/flow/prompt.e2e.test.ts",
];

interface Kind {
  /** The project's name, and the suffix `.NAME.test.ts` where it is no other. */
  name: string;
  include: string[];
  exclude?: string[];
  /** Of one test, and of one hook: far above what the slowest takes on a busy machine. */
  limitMs: number;
  env?: Record<string, string>;
  /** Whether its files share processes, as only those may that leave no trace in one. */
  sharesProcesses?: boolean;
}

const everywhere = ["packages", "services", "scripts", "test"];
const files = (suffix: string) =>
  everywhere.map((folder) => `${folder}/**/*.${suffix}.test.{ts,mjs}`);

const kinds: Kind[] = [
  {
    name: "unit",
    include: files("unit"),
    limitMs: 120_000,
    sharesProcesses: true,
  },
  {
    name: "integration",
    include: files("int"),
    exclude: long,
    limitMs: 240_000,
  },
  { name: "model", include: files("model"), limitMs: 180_000 },
  { name: "e2e", include: files("e2e"), exclude: long, limitMs: 240_000 },
  {
    name: "long",
    include: long,
    limitMs: 400_000,
  },
  {
    name: "plain",
    include: plain,
    limitMs: 240_000,
    env: { FAST_PATHS: "off" },
  },
  {
    name: "compose",
    include: ["test/compose/*.compose.ts"],
    limitMs: 900_000,
  },
];

/** Of small files those that take longest, which start first: one that starts last runs on alone. */
const longest = [
  "test/chaos/chaos.e2e.test.ts",
  "services/inference/src/task/liveTokens.model.test.ts",
  "services/inference/src/task/stuckTokens.int.test.ts",
  "services/gateway/src/admission/logRoom.int.test.ts",
];

/**
 * The order of files: the longest, then those of each project spread evenly over the run, large ones first, so that tests
 * that compute (the model's) run beside tests that wait. Files that share processes do so while one follows another: they
 * come last. Of the project `long` any file may take minutes: all of them come first.
 */
class SpreadProjects extends BaseSequencer {
  override async sort(
    files: TestSpecification[],
  ): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const placeOf = (file: TestSpecification): number => {
      const first = longest.findIndex((name) => file.moduleId.endsWith(name));
      if (first >= 0) return first - longest.length;
      const { project } = file;
      if (project.name === "long") return 0;
      if (!project.config.isolate) return 1;
      const all = sorted.filter((other) => other.project === project);
      return all.indexOf(file) / all.length;
    };
    const places = new Map(sorted.map((file) => [file, placeOf(file)]));
    return sorted.toSorted((a, b) => places.get(a)! - places.get(b)!);
  }
}

/** Decides every random number of the run. */
const seed = process.env["SEED"] ?? String(randomInt(2 ** 31));
console.log(`seed ${seed}: SEED=${seed} draws the same random numbers again`);

export default defineConfig({
  test: {
    pool: "forks",
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // Most tests mostly wait: more files at once than the two cores that they are made for.
    maxWorkers: 5,
    maxConcurrency: 2,
    sequence: { sequencer: SpreadProjects },
    projects: kinds.map(
      ({
        name,
        include,
        exclude = [],
        limitMs,
        env = {},
        sharesProcesses = false,
      }) => ({
        extends: true,
        test: {
          name,
          include,
          exclude: [...configDefaults.exclude, ...exclude],
          testTimeout: limitMs,
          hookTimeout: limitMs,
          env: { SEED: seed, ...env },
          isolate: !sharesProcesses,
        },
      }),
    ),
    setupFiles: ["packages/testing/src/setUp.ts"],
    restoreMocks: true,
    coverage: {
      reporter: ["text", "html"],
      // Services run in processes of their own.
      autoAttachSubprocess: true,
      include: ["packages/*/src/**/*.ts", "services/*/src/**/*.ts"],
      exclude: ["**/*.test.ts", "**/*estKit.ts", "packages/testing/**"],
    },
  },
});

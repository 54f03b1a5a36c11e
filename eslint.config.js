// Typed lint, and the doors: each vendor has one package that may import it.
import tseslint from "typescript-eslint";
import imports from "./tools/lint/imports.js";

/** Vendor modules and the folders that may import them. */
const doors = [
  { vendor: ["@nats-io/*"], open: ["packages/event-log/**"] },
  {
    vendor: ["ioredis", "rate-limiter-flexible"],
    open: ["packages/task-store/**"],
  },
  {
    vendor: ["fastify", "@fastify/*", "fastify-type-provider-zod"],
    open: ["services/gateway/src/http/**"],
  },
  {
    vendor: ["@prometheus-io/*"],
    open: ["packages/runtime/src/metrics/**"],
  },
  {
    vendor: ["preact", "preact/*", "@preact/*", "uplot", "uplot/*", "vite"],
    open: ["packages/dashboard/**"],
  },
  {
    vendor: ["playwright-core", "@axe-core/*"],
    open: ["test/dashboard/**"],
  },
  {
    vendor: ["@opentelemetry/*"],
    open: ["packages/otel/**"],
  },
  {
    vendor: ["node-llama-cpp"],
    open: [
      "services/inference/src/engine/llama/**",
      "services/inference/test/modelTestKit.ts",
    ],
  },
  {
    vendor: ["/openai"],
    open: [
      "services/inference/src/engine/openai/**",
      "services/gateway/src/openai.int.test.ts",
    ],
  },
];

const shut = (allowed) =>
  doors
    .filter((door) => door !== allowed)
    .map(({ vendor, open }) => ({
      group: vendor,
      message: `Only ${open.join(", ")} may import this.`,
    }));

/**
 * Who sees whom, besides itself. What runs in production sees downwards: packages, then services, then what runs the
 * system. `install` sees nothing: it runs before packages and Node 24 are there. `packages/testing` starts whole systems,
 * so only tests and what tests are made of see it.
 */
const testing = String.raw`packages/testing/`;
/** What tests are made of: it is in no image. */
const kits = String.raw`(packages|services)/[^/]+/test/`;
const packages = String.raw`packages/(?!testing/|[^/]+/test/)`;
/** The one lock that dies with its process. */
const lock = String.raw`scripts/install/lock\.mjs$`;
const install = String.raw`scripts/(install/|[^/]+\.mjs$)`;
const system = String.raw`scripts/system/`;
const layer = (files, ...sees) => ({
  files: new RegExp(`^(${files})`),
  sees: sees.length > 0 ? new RegExp(`^(${sees.join("|")})`) : /^$/,
});
const services = ["gateway", "inference", "results", "logger", "webhooks"];
/** The folders of a service or package, each of which sees those before it. An entry that is a list stands for folders side by side, which don't see each other. Their README.md tells what they hold. */
const rooms = {
  "packages/event-log/src": [
    ...[
      "fast/",
      "accounts/",
      "codec/",
      "broker/",
      "append/",
      "read/",
      "state/",
    ],
    ...["keys/", "audit/", "streams/", "subscribers/", "signals/"],
    ...["work/", "tokens/", "micro/", "webhooks/"],
  ],
  "services/gateway/src": [
    ...[
      "keys/",
      "forecast/",
      "admission/",
      "accept/",
      "audit/",
      "read/",
      "cancel/",
      "stream/",
      "list/",
      "statistics/",
      "openai/",
      "webhooks/",
    ],
    ...["calls/", "health/", "feed/", "past/", "metrics/"],
    ["http/", "natsApi/"],
  ],
  "services/inference/src": [
    ...[String.raw`engine/[^/]+$`, "engine/fake/", "engine/llama/"],
    ...["engine/openai/", "engine/process/", "ownership/", "task/"],
    "presence/",
  ],
  "services/results/src": [
    ...["projection/", "statistics/", "index/", "overdue/"],
    ...["retention/", "queues/", "unprefixed/", "metrics/"],
  ],
};
const roomLayers = Object.entries(rooms).flatMap(([root, names]) =>
  names.flatMap((place, i) =>
    [place]
      .flat()
      .map((name) =>
        layer(
          `${root}/${name}`,
          `(?!${root}/)`,
          ...[String.raw`[^/]+$`, ...names.slice(0, i).flat()].map(
            (n) => `${root}/${n}`,
          ),
        ),
      ),
  ),
);
const layersWith = (...also) => [
  "error",
  layer(packages, lock, ...also),
  // A browser loads it: what it imports goes with it.
  layer("packages/dashboard/src/", "packages/(client|schema)/src/"),
  ...services.map((name) =>
    layer(`services/${name}/(?!test/)`, packages, ...also),
  ),
  layer(install),
  layer(system, packages, install),
  layer(testing, packages, install, system),
];

export default tseslint.config(
  {
    ignores: [
      "**/node_modules/",
      "**/dist/",
      "coverage/",
      ".data*/",
      ".local/",
      "models/train/",
      "models/verify/",
      // It runs in browsers, whose types are not there.
      "services/gateway/src/http/pages/*.js",
      "deploy/**",
      "eslint.config.js",
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { imports },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      // A statement of SQL that is written in place is one.
      "@typescript-eslint/no-unused-expressions": [
        "error",
        { allowTaggedTemplates: true },
      ],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      "no-restricted-imports": ["error", { patterns: shut(undefined) }],
      "no-restricted-properties": [
        "error",
        {
          object: "process",
          property: "env",
          message: "Only main.ts reads the environment.",
        },
      ],
      eqeqeq: "error",
      "imports/no-cycle": "error",
      "imports/layers": [...layersWith(), ...roomLayers],
    },
  },
  ...doors.map((door) => ({
    files: door.open,
    rules: { "no-restricted-imports": ["error", { patterns: shut(door) }] },
  })),
  {
    // Programs of users, each of which has a vendor's client.
    files: ["examples/**"],
    rules: { "no-restricted-imports": "off" },
  },
  {
    files: [
      "**/main.ts",
      "packages/event-log/src/fast/fastPaths.ts",
      "**/*.test.ts",
      "vitest.config.ts",
      "packages/testing/**",
      "scripts/**",
      "bench/**",
      "examples/**",
      "test/**",
    ],
    rules: { "no-restricted-properties": "off" },
  },
  {
    // What runs in production has a namespace: names come from its broker, never from the constants for subscribers.
    files: ["packages/*/src/**", "services/*/src/**"],
    ignores: ["packages/schema/**", "**/*.test.ts", "**/*[tT]estKit.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "ImportDeclaration[source.value='@jetscribe/schema'] ImportSpecifier[imported.name=/^(streams|subjects|eventSubject|workConsumerName|parseWorkConsumerName)$/]",
          message: "Take it from the broker, which knows the namespace.",
        },
        {
          selector:
            "CallExpression[callee.object.name='log'] > ObjectExpression > Property[key.name='task_id']",
          message: "Take aboutTask: a record names the trace of its task too.",
        },
      ],
    },
  },
  {
    files: ["**/*.test.ts", "**/*[tT]estKit.ts", "**/*Contract.ts"],
    rules: { "imports/layers": layersWith(testing, kits) },
  },
);

// Typed lint, and the doors: each vendor has one package that may import it.
import tseslint from "typescript-eslint";

/** Vendor modules and the folders that may import them. */
const doors = [
  { vendor: ["@nats-io/*"], open: ["packages/event-log/**"] },
  { vendor: ["ioredis"], open: ["packages/task-store/**"] },
  {
    vendor: ["fastify", "@fastify/*", "fastify-type-provider-zod"],
    open: ["services/gateway/src/http/**"],
  },
  { vendor: ["node-llama-cpp"], open: ["services/inference/src/llama/**"] },
  { vendor: ["/openai"], open: ["services/inference/src/openai/**"] },
];

const shut = (allowed) =>
  doors
    .filter((door) => door !== allowed)
    .map(({ vendor, open }) => ({
      group: vendor,
      message: `Only ${open.join(", ")} may import this.`,
    }));

export default tseslint.config(
  {
    ignores: [
      "**/node_modules/",
      "**/dist/",
      ".data*/",
      ".local/",
      "models/train/",
      "models/verify/",
      "deploy/**",
      "scripts/**",
      "eslint.config.js",
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/consistent-type-imports": "error",
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
    },
  },
  ...doors.map((door) => ({
    files: door.open,
    rules: { "no-restricted-imports": ["error", { patterns: shut(door) }] },
  })),
  {
    files: [
      "**/main.ts",
      "**/*.test.ts",
      "packages/testing/**",
      "bench/**",
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
      ],
    },
  },
  {
    // node:test's test() and describe() return promises that the runner itself awaits.
    files: ["**/*.test.ts", "**/*.compose.ts"],
    rules: { "@typescript-eslint/no-floating-promises": "off" },
  },
);

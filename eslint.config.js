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
      "coverage/",
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
      "vitest.config.ts",
      "packages/testing/**",
      "bench/**",
      "test/**",
    ],
    rules: { "no-restricted-properties": "off" },
  },
);

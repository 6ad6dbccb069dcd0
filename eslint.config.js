import tseslint from "typescript-eslint";

const pureRooms = [
  "packages/atp-protocol/src/{frame,codec,endpoint}/**/*.ts",
  "packages/atp-router-core/src/{model,money,lanes,routing,consensus,learning,stream,router}/**/*.ts",
];

export default tseslint.config(
  { ignores: ["**/dist/**", "**/gen/**", "**/node_modules/**", "**/*.{js,mjs,cjs}", "**/tsup.config.ts", "**/vite.config.ts", "tsup.base.ts", "bench/baselines/**", "examples/nextjs/**"] },
  {
    files: ["**/*.{ts,tsx}"],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["*.ts"] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-restricted-exports": ["error", { restrictDefaultExports: { direct: true } }],
    },
  },
  {
    files: ["**/test/**/*.ts", "vitest.config.ts"],
    rules: { "max-lines": "off", "no-restricted-exports": "off", "@typescript-eslint/explicit-module-boundary-types": "off", "@typescript-eslint/no-unsafe-assignment": "off", "@typescript-eslint/no-unsafe-member-access": "off" },
  },
  {
    // The same input gives the same output: time, randomness and I/O come in as events.
    files: pureRooms,
    rules: {
      "no-restricted-globals": ["error", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "performance", "process", "fetch", "crypto", "Promise"],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now" },
        { object: "Math", property: "random" },
      ],
    },
  },
);

import js from "@eslint/js";
import pulumi from "@pulumi/eslint-plugin";
import tseslint from "typescript-eslint";

/** `.apply` in a test hides assertions that never run: an Output that nobody awaits fails nothing. */
const noApplyInTests = {
  selector: "CallExpression[callee.property.name='apply']",
  message:
    "Await the Output through promiseOf(): an assertion inside an un-awaited apply never fails.",
};

export default tseslint.config(
  { ignores: ["node_modules/", "out/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@pulumi": pulumi },
    rules: {
      "@pulumi/no-output-in-template-literal": "error",
      "@pulumi/no-output-instance-in-template-literal": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
  {
    files: ["test/**/*.ts"],
    ignores: ["test/lib/promise-of.ts"],
    rules: { "no-restricted-syntax": ["error", noApplyInTests] },
  },
);

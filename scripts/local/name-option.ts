import { z } from "zod";
import { environmentName } from "./paths.ts";

/** The option of all local commands that says which environment they mean. */
export const nameOption = {
  help: "name of the environment (default: $POOL_MIGRATION_ENVIRONMENT, else default)",
  placeholder: "name",
  schema: z
    .string()
    .optional()
    .transform((name) => environmentName(name)),
};

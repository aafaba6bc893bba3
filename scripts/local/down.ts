import { stopEnvironment } from "./environment.ts";
import { environmentName } from "./paths.ts";

await stopEnvironment(environmentName());

import { findEnvironment } from "./environment.ts";
import { environmentName } from "./paths.ts";

const [command, ...args] = process.argv.slice(2);
const environment = findEnvironment(environmentName());
if (environment === undefined || command === undefined) throw new Error("usage");
const child = environment.spawnInside(command, args, { stdio: "inherit" });
child.once("exit", (code) => (process.exitCode = code ?? 1));

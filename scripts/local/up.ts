import { startEnvironment } from "./environment.ts";
import { streamProgress } from "./progress.ts";

await startEnvironment({ progress: streamProgress() });

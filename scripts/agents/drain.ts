import { parseRouterSettings } from "../../infra/rollout/router-settings.ts";
import { drain, drainTimes } from "./router/drain.ts";
import { EnvoyAdmin } from "./router/envoy-admin.ts";

/** preStop of the container `envoy`: returns when Envoy can be stopped without a lost request. */
try {
  const settings = parseRouterSettings(process.env["ROUTER_SETTINGS"]);
  const admin = new EnvoyAdmin(settings.ports.admin);
  await drain(admin, drainTimes(settings)).finally(() => admin.close());
} catch (error) {
  // The kubelet shows it in the event FailedPreStopHook.
  process.stderr.write(`drain: ${(error as Error).message}\n`);
  process.exitCode = error instanceof RangeError ? 2 : 3;
}

import { parseRouterSettings } from "../../infra/rollout/router-settings.ts";
import { drain, drainTimes } from "./router/drain.ts";
import { EnvoyAdmin } from "./router/envoy-admin.ts";

/** preStop of the container `envoy`: returns when Envoy can be stopped without a lost request. */
const settings = parseRouterSettings(process.env["ROUTER_SETTINGS"]);
const admin = new EnvoyAdmin(settings.ports.admin);
await drain(admin, drainTimes(settings));
admin.close();

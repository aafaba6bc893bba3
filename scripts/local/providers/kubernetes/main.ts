import { serveProvider } from "../lib/serve-provider.ts";
import { KubernetesProvider } from "./provider.ts";

serveProvider(new KubernetesProvider());

import { serveProvider } from "../lib/serve-provider.ts";
import { PostgresqlProvider } from "./provider.ts";

serveProvider(new PostgresqlProvider());

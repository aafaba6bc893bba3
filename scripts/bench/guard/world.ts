import type { Server } from "node:http";
import { pino } from "pino";
import { serveAnswers } from "../../agents/lib/http-server.ts";
import { runService } from "../../agents/lib/run-service.ts";
import { endPath } from "./plan.ts";
import type { WorldPlan } from "./plan.ts";
import { SimulatedWorld } from "./simulated-world.ts";

/** Process of the simulated world: apart from the guard's, so that the guard's CPU time and memory are its own. */
const plan = JSON.parse(process.argv[2] ?? "") as WorldPlan;
const log = pino({ name: "world", level: "warn" }, pino.destination(2));
let world: SimulatedWorld | undefined;
let server: Server | undefined;

await runService(
  "the simulated world",
  () => ({
    async start() {
      const made = await SimulatedWorld.create(plan);
      world = made;
      await made.start();
      const place = { address: "127.0.0.1", port: plan.port };
      server = await serveAnswers(place, (_request, path) => {
        if (path === endPath) made.end();
        return Promise.resolve([200, JSON.stringify(made.account), "application/json"]);
      });
      await made.run();
    },
    async stop() {
      server?.closeAllConnections();
      server?.close();
      await world?.destroy();
    },
  }),
  log,
);

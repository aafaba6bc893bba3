import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { adminServer } from "./admin-server.ts";
import { connect, createTables } from "./database.ts";
import { dataServer } from "./data-server.ts";
import { sweepKeys } from "./idempotency.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { poolMetrics } from "./metrics.ts";
import { newPoolState } from "./operations.ts";
import { readSettings, type PoolKind, type PoolSettings } from "./settings.ts";
import { Workers } from "./workers.ts";

const hourMs = 3_600_000;

/**
 * Runs a reference pool until SIGTERM or SIGINT. It listens at once, becomes ready when its tables
 * exist, and at the end drains: readiness fails, calls are accepted for the settle period, then
 * those in flight are finished and the process ends with 0.
 */
export async function runPool(kind: PoolKind): Promise<void> {
  const settings = readSettings(kind, process.env);
  const database = connect(settings.databaseUrl, settings.version);
  const workers = new Workers(settings.workers, settings.maxQueue);
  const state = newPoolState(settings, database, workers);
  const lifecycle: Lifecycle = { phase: "starting" };
  const metrics = poolMetrics(settings, workers);
  const data = dataServer(state, lifecycle, metrics);
  const admin = adminServer(state, lifecycle, metrics);

  const stop = once(process, "SIGTERM").catch(() => undefined);
  const interrupt = once(process, "SIGINT").catch(() => undefined);
  const port = await listen(data, settings.host, settings.port);
  const adminPort = await listen(admin, settings.host, settings.adminPort);
  log("listening", { version: settings.version, port, adminPort });
  void prepare(database, lifecycle);

  await Promise.race([stop, interrupt]);
  await drain(settings, lifecycle, data);
  log("drained", {});
  process.exit(0);
}

async function prepare(database: pg.Pool, lifecycle: Lifecycle): Promise<void> {
  for (let lastError = ""; lifecycle.phase === "starting";) {
    try {
      await createTables(database);
      await sweepKeys(database);
      // Draining may have begun meanwhile.
      if (lifecycle.phase === "starting") lifecycle.phase = "serving";
      log("serving", {});
    } catch (error) {
      const message = String(error);
      if (message !== lastError) log("waiting for the database", { error: message });
      lastError = message;
      await delay(250);
    }
  }
  setInterval(() => void sweepKeys(database).catch(() => undefined), hourMs).unref();
}

async function drain(settings: PoolSettings, lifecycle: Lifecycle, data: Server): Promise<void> {
  lifecycle.phase = "settling";
  log("settling", { seconds: settings.settleSeconds });
  await delay(settings.settleSeconds * 1000);
  lifecycle.phase = "draining";
  log("draining", { seconds: settings.drainTimeoutSeconds });
  const closed = new Promise((resolve) => data.close(resolve));
  data.closeIdleConnections();
  await Promise.race([closed, delay(settings.drainTimeoutSeconds * 1000)]);
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function log(event: string, fields: Record<string, unknown>): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), event, ...fields }));
}

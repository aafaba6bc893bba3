import type { MigrateSettings } from "../../agents/migrate/settings.ts";

/** Namespace of the simulated stack. */
export const namespace = "bench";

/** What V2 gets, per cent: the stage p10. */
export const measuredPercentage = 10;

/** What the guard has to deal with. */
export interface GuardLoad {
  /** Router-agents that it asks. */
  readonly agents: number;
  /** Pods of V2 whose metrics it reads. All of the pools' pods are V2's, because it reads none of V1. */
  readonly pods: number;
  /** Seconds between two readings of these metrics. */
  readonly figuresSeconds: number;
  /** Requests that all agents together decide in a second. */
  readonly decisionsPerSecond: number;
  /** Mean number of requests of a session. */
  readonly requestsPerSession: number;
  /** Sessions that it knows before this load begins, as after a long time of it. */
  readonly knownSessions: number;
  /** Seconds of load before its figures count, and while they do. */
  readonly warmUpSeconds: number;
  readonly measuredSeconds: number;
}

/** What the process of the simulated world is started with. */
export interface WorldPlan extends GuardLoad {
  /** Port on 127.0.0.1 at which it tells its {@link WorldAccount}, under any path. */
  readonly port: number;
}

/** Path at which the simulated world also ends its load. */
export const endPath = "/end";

/** Where a guard finds the simulated world. */
export interface WorldPlace {
  /** URL of the API server. */
  readonly apiServer: string;
  /** Addresses of the agents, separated by commas, and the port that all of them have. */
  readonly agents: { readonly host: string; readonly port: number };
  /** Port of the metrics of all pods. */
  readonly metricsPort: number;
}

/** What a simulated world has done. */
export interface WorldAccount {
  readonly place: WorldPlace;
  /**
   * It waits for the guard to name an attempt, then makes the sessions that are to be known, then decides at the rate of
   * the load until it is ended.
   */
  readonly phase: "waiting" | "filling" | "deciding" | "over";
  /** Requests that were decided, and their distinct sessions. */
  readonly decisions: number;
  readonly sessions: number;
  /** How often the metrics of each pod were read. */
  readonly reads: readonly number[];
  /** Workers that all pods have together. */
  readonly workers: number;
}

/** What the process of the database is started with. */
export interface DatabasePlan {
  /** Port on 127.0.0.1 at which it tells its {@link DatabaseAccount}, and that of the database. */
  readonly port: number;
  readonly serverPort: number;
  /** Where the database keeps its data; another user may write there. */
  readonly directory: string;
}

/** What a database is, and has. */
export interface DatabaseAccount {
  /** How the guard reaches it, as the writer. */
  readonly settings: MigrateSettings;
  /** Number of verdicts that are journaled. */
  readonly verdicts: number;
}

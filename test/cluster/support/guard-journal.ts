import pg from "pg";
import { loginPassword } from "../../../infra/database/login-password.ts";
import { loginRole } from "../../../infra/database/names.ts";
import type { Environment } from "../../../scripts/local/environment.ts";
import { AdminDatabase } from "../../../scripts/rehearsal/admin-database.ts";
import { stackDatabase } from "../../../scripts/rehearsal/stack-set-up.ts";

/** What the journal has of a span of time. */
export interface JournalSpan {
  /** Who engaged the brake, one for each entry that there is of an engagement. */
  readonly engaged: readonly { readonly id: string; readonly who: string }[];
  /** Longest time between two verdicts, seconds. */
  readonly silenceSeconds: number;
}

/** Reads the journal of a stack as its reader. */
export class GuardJournal {
  private readonly client: pg.Client;

  private constructor(client: pg.Client) {
    this.client = client;
  }

  static async connect(environment: Environment, stack: string): Promise<GuardJournal> {
    const database = stackDatabase(stack);
    const { password } = new AdminDatabase(environment);
    const client = new pg.Client({
      host: `/proc/${environment.initPid}/root/run/postgresql`,
      port: environment.postgres.port,
      database,
      user: loginRole(database, "reader"),
      password: loginPassword(password, database, "reader"),
    });
    client.on("error", () => undefined);
    await client.connect();
    return new GuardJournal(client);
  }

  /** What was journaled of the time between two moments, milliseconds since 1970. */
  async span(from: number, to: number): Promise<JournalSpan> {
    const times = [from / 1000, to / 1000];
    const engaged = await this.client.query<{ id: string; who: string }>(
      `SELECT engagement_id AS id, who FROM brake_events
       WHERE action = 'engaged' AND happened_at BETWEEN to_timestamp($1) AND to_timestamp($2)
       ORDER BY happened_at`,
      times,
    );
    const silence = await this.client.query<{ seconds: string | null }>(
      `SELECT max(extract(epoch FROM evaluated_at - before)) AS seconds FROM (
         SELECT evaluated_at, lag(evaluated_at) OVER (ORDER BY evaluated_at) AS before FROM verdicts
       ) AS verdicts WHERE evaluated_at BETWEEN to_timestamp($1) AND to_timestamp($2)`,
      times,
    );
    const silenceSeconds = Number(silence.rows[0]?.seconds ?? Infinity);
    return { engaged: engaged.rows, silenceSeconds };
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

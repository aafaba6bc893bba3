import type { ProgramPage } from "./programs.ts";
import type { Definition } from "../program.ts";

type SessionPrograms = Map<string, { definition: Definition; seenAt: string }>;

/**
 * The programs this process has seen lately, session by session. It is read only while the
 * database is away: then known programs still run, and a list says that it may be old.
 */
export class RecentPrograms {
  readonly #sessions = new Map<string, SessionPrograms>();
  readonly #maxSessions: number;

  constructor(maxSessions = 20_000) {
    this.#maxSessions = maxSessions;
  }

  /** Remembers a program that was created, executed or listed. */
  remember(sessionId: string, id: string, definition: Definition): void {
    const programs = this.#sessions.get(sessionId) ?? (new Map() as SessionPrograms);
    programs.set(id, { definition, seenAt: new Date().toISOString() });
    // Insertion order makes the map a queue of sessions by their last use.
    this.#sessions.delete(sessionId);
    this.#sessions.set(sessionId, programs);
    const oldest = this.#sessions.keys().next().value;
    if (this.#sessions.size > this.#maxSessions && oldest !== undefined) {
      this.#sessions.delete(oldest);
    }
  }

  /** Forgets a program that was deleted or not found. */
  forget(sessionId: string, id: string): void {
    this.#sessions.get(sessionId)?.delete(id);
  }

  /** Forgets a session that was ended. */
  forgetSession(sessionId: string): void {
    this.#sessions.delete(sessionId);
  }

  /** The definition of a program seen before. */
  definition(sessionId: string, id: string): Definition | undefined {
    return this.#sessions.get(sessionId)?.get(id)?.definition;
  }

  /** The programs of a session as far as this process has seen them; undefined = none. */
  list(sessionId: string): (ProgramPage & { readonly stale: true }) | undefined {
    const programs = this.#sessions.get(sessionId);
    if (!programs) return undefined;
    return {
      programs: [...programs].map(([id, { definition, seenAt }]) => ({
        id,
        created_at: seenAt,
        last_executed: null,
        execution_count: 0,
        signature: definition.signature,
      })),
      total_count: programs.size,
      next_cursor: null,
      stale: true,
    };
  }
}

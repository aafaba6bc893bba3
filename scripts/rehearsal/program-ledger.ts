/** A program that the pool acknowledged and that no delete was sent for. */
interface KnownProgram {
  readonly id: string;
  executing: number;
}

interface SessionPrograms {
  readonly known: KnownProgram[];
  /** Acknowledged deletes: must never be seen again. */
  readonly deleted: Set<string>;
}

/** What must be true of a session's programs at the end. */
export interface Expectation {
  /** Undefined = the anonymous session. */
  readonly sessionId: string | undefined;
  /** Acknowledged and not deleted: each must be listed and executable. */
  readonly present: readonly string[];
  /** Deleted with an acknowledgement: none may be listed. */
  readonly deleted: readonly string[];
}

/**
 * Keeps the books on programs by what was acknowledged. A create or delete without an answer makes
 * the program uncertain: nothing is expected of it any more. A program is deleted only while nothing
 * executes it, so that an execute that finds no program always means that one was lost.
 */
export class ProgramLedger {
  readonly #sessions = new Map<string | undefined, SessionPrograms>();

  /** Takes down an acknowledged create. */
  created(sessionId: string | undefined, id: string): void {
    this.#session(sessionId).known.push({ id, executing: 0 });
  }

  /** Chooses a program to execute by `draw`; `done` must be called after the answer. */
  beginExecute(
    sessionId: string | undefined,
    draw: number,
  ): { id: string; done: () => void } | undefined {
    const { known } = this.#session(sessionId);
    const program = known[Math.floor(draw * known.length)];
    if (!program) return undefined;
    program.executing++;
    return {
      id: program.id,
      done: () => {
        program.executing--;
      },
    };
  }

  /** Chooses an idle program to delete; it is uncertain until `deleted`. */
  beginDelete(
    sessionId: string | undefined,
    draw: number,
  ): { id: string; deleted: () => void } | undefined {
    const { known, deleted } = this.#session(sessionId);
    const idle = known.filter(({ executing }) => executing === 0);
    const program = idle[Math.floor(draw * idle.length)];
    if (!program) return undefined;
    known.splice(known.indexOf(program), 1);
    return { id: program.id, deleted: () => void deleted.add(program.id) };
  }

  /** What must hold at the end, session by session. */
  expectations(): Expectation[] {
    return [...this.#sessions].map(([sessionId, { known, deleted }]) => ({
      sessionId,
      present: known.map(({ id }) => id),
      deleted: [...deleted],
    }));
  }

  #session(sessionId: string | undefined): SessionPrograms {
    const present = this.#sessions.get(sessionId) ?? { known: [], deleted: new Set() };
    this.#sessions.set(sessionId, present);
    return present;
  }
}

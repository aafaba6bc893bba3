import type { Expectation } from "./program-ledger.ts";
import type { Verification } from "./records.ts";

/** How programs are looked for. */
export interface ProgramReader {
  /** Ids of all programs of a session. */
  list(sessionId: string | undefined): Promise<readonly string[]>;
  /** Whether a program executes and answers as it must. */
  execute(sessionId: string | undefined, id: string): Promise<boolean>;
}

/** Enough to be quick, few enough not to fill the queue of a pool that dispatches serially. */
const concurrency = 8;

/** Lists every session and executes every program that must be there. */
export async function verifyPrograms(
  expectations: readonly Expectation[],
  reader: ProgramReader,
): Promise<Verification> {
  const notListed: string[] = [];
  const notExecutable: string[] = [];
  const reappeared: string[] = [];
  const open = [...expectations];
  const work = async (): Promise<void> => {
    for (let next = open.pop(); next; next = open.pop()) {
      const { sessionId, present, deleted } = next;
      const name = (id: string): string => `${sessionId ?? "anonymous"}/${id}`;
      const listed = new Set(await reader.list(sessionId));
      notListed.push(...present.filter((id) => !listed.has(id)).map(name));
      reappeared.push(...deleted.filter((id) => listed.has(id)).map(name));
      for (const id of present) {
        if (!(await reader.execute(sessionId, id))) notExecutable.push(name(id));
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return {
    type: "verification",
    sessions: expectations.length,
    programs: expectations.reduce((sum, { present }) => sum + present.length, 0),
    notListed,
    notExecutable,
    reappeared,
  };
}

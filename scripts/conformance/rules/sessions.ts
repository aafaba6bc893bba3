import { otherProgram, program, Session } from "../calls.ts";
import { demand, demandStatus } from "../expect.ts";
import type { Rule } from "../rule.ts";

const parallelSessions = 12;

/** How sessions are kept apart. */
export const sessionRules: readonly Rule[] = [
  {
    name: "session-isolation",
    demand: "twelve sessions at once, same ids, different definitions: each sees and runs its own",
    async check(target) {
      const sessions = Array.from({ length: parallelSessions }, () => new Session(target));
      await Promise.all(
        sessions.map(async (session, index) => {
          const definition = index % 2 === 0 ? program : otherProgram;
          demandStatus(await session.create("shared", {}, definition), 201);
          demandStatus(await session.create(`own-${index}`, {}, definition), 201);
        }),
      );
      const outputs = await Promise.all(
        sessions.map(async (session, index) => {
          const ids = await session.ids();
          const expected = `own-${index},shared`;
          demand(ids.toSorted().join() === expected, `a session lists ${ids.join()}`);
          const answer = await session.execute("shared");
          demandStatus(answer, 200);
          return JSON.stringify(answer.json?.["outputs"]);
        }),
      );
      const [even, odd] = outputs;
      const own = outputs.every((output, index) => output === (index % 2 === 0 ? even : odd));
      demand(own, "sessions with the same program and input got different outputs");
    },
  },
  {
    name: "session-order",
    demand: "writes of one session at once are all done: ten creates, ten programs",
    async check(target) {
      const session = new Session(target);
      const ids = Array.from({ length: 10 }, (_, index) => `p${index}`);
      const answers = await Promise.all(ids.map((id) => session.create(id)));
      for (const answer of answers) demandStatus(answer, 201);
      const listed = await session.ids();
      demand(listed.toSorted().join() === ids.join(), `the list shows ${listed.join()}`);
    },
  },
];

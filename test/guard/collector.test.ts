import { pino } from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { beginAttempt } from "../../infra/rollout/evidence/attempt.ts";
import { emptyBookState, EvidenceBook } from "../../infra/rollout/evidence/book.ts";
import type { EvidenceAnswer, EvidenceQuestion } from "../../infra/rollout/evidence/protocol.ts";
import type { EvidenceRecord } from "../../infra/rollout/evidence/record.ts";
import { uniteRecords } from "../../infra/rollout/evidence/record.ts";
import { Collector } from "../../scripts/agents/guard/collector.ts";
import type { RouterAgents } from "../../scripts/agents/guard/router-agents.ts";
import { decidedLine, lineTime } from "../rollout/evidence/decided-line.ts";

const percentage = 10;
const attempt = beginAttempt({ at: lineTime, why: "", build: "", slowMilliseconds: 300 });

/** What each router answers to a question, by address. */
let answers: Record<string, (question: EvidenceQuestion) => EvidenceAnswer>;
let collector: Collector;

beforeEach(() => {
  answers = {};
  const agents = {
    addresses: () => Promise.resolve(Object.keys(answers)),
    evidence: (url: string, question: EvidenceQuestion) =>
      Promise.resolve(answers[url]?.(question)),
  };
  const log = pino({ level: "silent" });
  collector = new Collector(agents as unknown as RouterAgents, log);
  collector.begin(attempt);
});

/** Records of a request each, of as many sessions. */
function records(count: number): EvidenceRecord[] {
  const book = new EvidenceBook(emptyBookState(lineTime));
  book.follow(attempt, lineTime);
  return Array.from({ length: count }, (_, number) => {
    book.take(decidedLine(`session-${number}`, percentage));
    const record = book.close(lineTime);
    if (record === undefined) throw new Error("nothing was taken");
    return record;
  });
}

function answer(pod: string, told: readonly EvidenceRecord[], changes = {}): EvidenceAnswer {
  const last = told.at(-1)?.to ?? 0;
  return {
    ...{ report: { pod } as EvidenceAnswer["report"], attempt, lostLines: 0, mispredicted: 0 },
    ...{ last, complete: true, restart: false, records: [...told], more: false },
    ...changes,
  };
}

const sessions = () => {
  const { v1, v2 } = collector.union.counts[percentage] ?? {};
  return (v1?.sessions ?? 0) + (v2?.sessions ?? 0);
};

describe("a collector", () => {
  it("goes on after a record that unites what a journal had with what is new, and is not complete", async () => {
    const [first, ...rest] = records(12);
    if (first === undefined) throw new Error("there is one");
    const told = [first, ...rest];
    const known = new Collector({} as RouterAgents, pino({ level: "silent" }));
    known.begin(attempt);
    for (const record of told.slice(0, 6)) known.union.add("router-0", record);
    const { counts } = known.union;
    collector.begin(attempt, {
      ...{ complete: true, counts, cursors: { "router-0": 6 } },
      sessions: [known.union.takeEvents()],
    });
    expect(collector.union.complete).toBe(true);
    answers["http://a"] = ({ after }) => {
      const all = [uniteRecords(told.slice(0, 10)), ...told.slice(10)];
      return answer("router-0", after < 10 ? all : [], { restart: after < 10, last: 12 });
    };
    await collector.collect(attempt);
    await collector.collect(attempt);
    expect(collector.positions).toEqual({ "router-0": 12 });
    expect(sessions()).toBe(12);
    expect(collector.union.complete).toBe(false);
  });

  it("stops for no agent whose records it cannot read, and counts nothing of them", async () => {
    const [good, bad] = records(2);
    if (good === undefined || bad === undefined) throw new Error("there are two");
    answers["http://a"] = () => {
      const sessions = Buffer.alloc(10, 0x1f).toString("base64");
      return answer("router-0", [{ ...good, sessions }]);
    };
    answers["http://b"] = ({ after }) => answer("router-1", after === 0 ? [good] : [], { last: 1 });
    await collector.collect(attempt);
    await collector.collect(attempt);
    expect(collector.routerStates.map(({ router }) => router)).toEqual(["router-1"]);
    expect(sessions()).toBe(1);
  });

  it("remembers that a router missed something, also when its pod is gone", async () => {
    answers["http://a"] = () => answer("router-0", [], { complete: false });
    await collector.collect(attempt);
    delete answers["http://a"];
    answers["http://b"] = () => answer("router-1", []);
    await collector.collect(attempt);
    expect(collector.routerStates).toMatchObject([{ router: "router-1", complete: true }]);
    expect(collector.union.complete).toBe(false);
  });
});

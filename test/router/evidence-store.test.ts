import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EvidenceRecord } from "../../infra/rollout/evidence/record.ts";
import { EvidenceStore } from "../../scripts/agents/router/evidence-store.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evidence-store-"));
  path = join(directory, "evidence");
});

afterEach(() => rmSync(directory, { recursive: true }));

const begin = { generation: 0, bytes: 0 };

/** A record in which V1 decided as many requests as its number says. */
const record = (number: number): EvidenceRecord => ({
  from: number,
  to: number,
  at: 1000 * number,
  sides: [
    {
      percentage: 10,
      side: "v1",
      requests: number,
      anonymous: 0,
      bad: {},
      durations: { "20": number },
      firstAt: number,
    },
  ],
  sessions: "",
});

/** Numbers and requests of what follows. */
function told(store: EvidenceStore, after: number) {
  const { records, ...rest } = store.after(after);
  const spans = records.map((text) => {
    const { from, to, sides } = JSON.parse(text) as EvidenceRecord;
    return [from, to, sides[0]?.requests];
  });
  return { ...rest, spans };
}

describe("the records of an agent", () => {
  it("tells those that follow, in order", () => {
    const store = new EvidenceStore(path, begin);
    for (const number of [1, 2, 3]) store.append(record(number));
    expect(told(store, 0)).toEqual({
      spans: [
        [1, 1, 1],
        [2, 2, 2],
        [3, 3, 3],
      ],
      restart: false,
      more: false,
    });
    expect(told(store, 2).spans).toEqual([[3, 3, 3]]);
    expect(told(store, 3).spans).toEqual([]);
    store.close();
  });

  it("tells no more at once than fits, and says that there is more", () => {
    const store = new EvidenceStore(path, begin, { batch: 300 });
    for (let number = 1; number <= 10; number += 1) store.append(record(number));
    const first = told(store, 0);
    expect(first.more).toBe(true);
    expect(first.spans.length).toBeLessThan(10);
    const seen = [...first.spans];
    for (let after = first.spans.length; after < 10;) {
      const next = told(store, after);
      seen.push(...next.spans);
      after += next.spans.length;
    }
    expect(seen.map(([from]) => from)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    store.close();
  });

  it("outlives a restart, without what was appended after the place was stored", () => {
    const store = new EvidenceStore(path, begin);
    store.append(record(1));
    store.append(record(2));
    const { place } = store;
    store.append(record(3));
    store.close();
    appendFileSync(`${path}.0`, '{"torn');
    const again = new EvidenceStore(path, place);
    expect([...again.records()]).toEqual([record(1), record(2)]);
    again.append(record(4));
    expect(told(again, 2).spans).toEqual([[4, 4, 4]]);
    again.close();
  });

  it("refuses a file that is shorter than it was", () => {
    const store = new EvidenceStore(path, begin);
    store.append(record(1));
    const { generation, bytes } = store.place;
    store.close();
    expect(() => new EvidenceStore(path, { generation, bytes: bytes + 1 })).toThrow(
      /shorter than the/,
    );
  });

  it("unites older records, and tells whoever stands between them everything from the begin", () => {
    const store = new EvidenceStore(path, begin, { uniteAt: 2000, keep: 3, batch: 600 });
    for (let number = 1; number <= 20; number += 1) store.append(record(number));
    const before = store.place;
    store.unite();
    expect(store.place.bytes).toBeLessThan(before.bytes);
    const all = told(store, 0).spans;
    const sum = [...store.records()].reduce(
      (total, { sides }) => total + (sides[0]?.requests ?? 0),
      0,
    );
    expect(sum).toBe(210);
    expect(all[0]?.[0]).toBe(1);
    // Numbers stay without gaps, and the newest are as they were.
    const spans = [...store.records()].map(({ from, to }) => [from, to] as const);
    for (const [index, [from]] of spans.entries()) {
      if (index > 0) expect(from).toBe((spans[index - 1]?.[1] ?? 0) + 1);
    }
    expect(spans.slice(-3)).toEqual([
      [18, 18],
      [19, 19],
      [20, 20],
    ]);
    const middle = told(store, 2);
    expect(middle).toMatchObject({ restart: true });
    expect(middle.spans[0]?.[0]).toBe(1);
    expect(told(store, 19)).toMatchObject({ restart: false, spans: [[20, 20, 20]] });
    store.close();
    const again = new EvidenceStore(path, store.place);
    expect([...again.records()].map(({ from, to }) => [from, to])).toEqual(spans);
    again.close();
  });

  it("does not unite again before it has grown to twice of what was left", () => {
    const store = new EvidenceStore(path, begin, { uniteAt: 1000, keep: 1, batch: 600 });
    let rewritten = 0;
    for (let number = 1; number <= 200; number += 1) {
      store.append({ ...record(number), sessions: Buffer.alloc(100).toString("base64") });
      const { generation } = store.place;
      store.unite();
      if (store.place.generation !== generation) rewritten += 1;
    }
    expect(rewritten).toBeGreaterThan(1);
    expect(rewritten).toBeLessThan(10);
    store.close();
  });

  it("keeps the old file until the new place is stored", () => {
    const store = new EvidenceStore(path, begin);
    store.append(record(1));
    const old = store.place;
    store.clear();
    store.append(record(2));
    store.close();
    const back = new EvidenceStore(path, old);
    expect([...back.records()]).toEqual([record(1)]);
    back.close();
    const onward = new EvidenceStore(path, store.place);
    expect([...onward.records()]).toEqual([record(2)]);
    onward.settle();
    expect(readdirSync(directory)).toEqual(["evidence.1"]);
    onward.close();
  });
});

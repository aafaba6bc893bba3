import { afterAll, beforeAll, expect, it } from "vitest";
import { bucket, idHash } from "../../infra/rollout/bucket.ts";
import { beginAttempt } from "../../infra/rollout/evidence/attempt.ts";
import type { EvidenceAnswer, EvidenceQuestion } from "../../infra/rollout/evidence/protocol.ts";
import { evidenceAnswerSchema, evidencePath } from "../../infra/rollout/evidence/protocol.ts";
import { readEvents } from "../../infra/rollout/evidence/session-events.ts";
import { RouterPod, agentToken } from "./support/router-pod.ts";
import { waitUntil } from "./support/wait-until.ts";

const percentage = 25;
let pod: RouterPod;

beforeAll(async () => {
  pod = await RouterPod.create(`p${percentage}`, percentage);
  await pod.start();
  await pod.applied(percentage);
}, 60_000);

afterAll(() => pod.destroy());

const attempt = (at: number, why: string) =>
  beginAttempt({ at, why, build: "a", slowMilliseconds: 60_000 });

async function ask(question: EvidenceQuestion, token = agentToken): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const body = JSON.stringify(question);
  return await fetch(pod.agentUrl + evidencePath, { method: "POST", headers, body });
}

async function answerTo(question: EvidenceQuestion): Promise<EvidenceAnswer> {
  return evidenceAnswerSchema.parse(await (await ask(question)).json());
}

/** Asks again and again for what is new, as a guard does, until so many requests are told. */
async function collect(question: EvidenceQuestion, requests: number) {
  const records: EvidenceAnswer["records"] = [];
  const sides = () => records.flatMap((record) => record.sides);
  const told = () => sides().reduce((sum, side) => sum + side.requests, 0);
  let { after } = question;
  await waitUntil(`${requests} requests to be told`, async () => {
    const answer = await answerTo({ ...question, after });
    records.push(...answer.records);
    after = answer.records.at(-1)?.to ?? after;
    return told() >= requests;
  });
  const events = records.flatMap(({ sessions }) => [
    ...readEvents(Buffer.from(sessions, "base64")),
  ]);
  return { after, events, sides: sides(), told: told() };
}

/** One request for each session. */
async function request(sessions: readonly string[]): Promise<void> {
  for (const session of sessions) {
    await fetch(pod.world.url, { headers: { "x-session-id": session } });
  }
}

const sessionsOf = (prefix: string): string[] =>
  Array.from({ length: 40 }, (_, number) => `${prefix}-${number}`);

it("tells the decisions of real requests by side and session, each once, over its own death", async () => {
  const now = attempt(Date.now(), "first");
  await answerTo({ attempt: now, after: 0 });
  const first = sessionsOf("first");
  await request(first);
  const told = await collect({ attempt: now, after: 0 }, first.length);
  expect(told.told).toBe(first.length);
  const onV2 = first.filter((session) => bucket(session) < percentage);
  const requestsOn = (side: string) =>
    told.sides.filter((one) => one.side === side).reduce((sum, one) => sum + one.requests, 0);
  expect({ v1: requestsOn("v1"), v2: requestsOn("v2") }).toEqual({
    v1: first.length - onV2.length,
    v2: onV2.length,
  });
  const seen = (events: typeof told.events) =>
    new Set(events.filter(({ kind }) => kind === "seen").map(({ hash }) => hash));
  expect(seen(told.events)).toEqual(new Set(first.map(idHash)));

  // Killed, it finds in the pod's directory what it had told; Envoy serves and logs on without it.
  await pod.stopAgent("SIGKILL");
  const meanwhile = sessionsOf("meanwhile");
  await request(meanwhile);
  await pod.startAgent();
  const later = await collect({ attempt: now, after: told.after }, meanwhile.length);
  expect(later.told).toBe(meanwhile.length);
  expect(seen(later.events)).toEqual(new Set(meanwhile.map(idHash)));
  // A guard that was away all the time gets all of it.
  const all = await collect({ attempt: now, after: 0 }, first.length + meanwhile.length);
  expect(all.told).toBe(first.length + meanwhile.length);
  expect(await answerTo({ attempt: now, after: all.after })).toMatchObject({
    records: [],
    complete: true,
    lostLines: 0,
    mispredicted: 0,
  });
}, 60_000);

it("forgets an attempt for a newer one, and tells a guard that knows an older one", async () => {
  const older = attempt(Date.now(), "older");
  await answerTo({ attempt: older, after: 0 });
  await request(sessionsOf("older"));
  await collect({ attempt: older, after: 0 }, 40);
  const newer = beginAttempt({ ...older, at: Date.now(), why: "newer", before: older });
  expect((await answerTo({ attempt: newer, after: 0 })).records).toEqual([]);
  const late = await answerTo({ attempt: older, after: 0 });
  expect(late.attempt).toEqual(newer);
  expect(late.records).toEqual([]);
});

it("tells nobody without the token, and nothing to a question that it does not understand", async () => {
  expect((await ask({ after: 0 }, "another-token")).status).toBe(401);
  expect((await ask({ after: -1 })).status).toBe(400);
});

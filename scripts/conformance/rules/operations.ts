import { z } from "zod";
import { program, Session } from "../calls.ts";
import { demand, demandBody, demandStatus } from "../expect.ts";
import type { Rule } from "../rule.ts";

const signature = z.looseObject({
  inputs: z.array(z.looseObject({ name: z.string() })),
  outputs: z.array(z.looseObject({ name: z.string() })),
});
const stored = {
  program_type: z.literal("predict"),
  signature,
  created_at: z.iso.datetime({ offset: true }),
};
const count = z.int().min(0);

/** Request and success of each operation. */
export const operationRules: readonly Rule[] = [
  {
    name: "create",
    demand: "POST /v1/programs answers 201 with program_id, status created, type, signature, time",
    async check(target) {
      const shape = z.looseObject({
        program_id: z.literal("p"),
        status: z.literal("created"),
        ...stored,
      });
      demandBody(await new Session(target).create("p"), 201, shape);
    },
  },
  {
    name: "create-again",
    demand: "creating the same program again answers 200 with status exists",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      demandBody(await session.create("p"), 200, z.looseObject({ status: z.literal("exists") }));
    },
  },
  {
    name: "create-without-id",
    demand: "a create without id gets an id of the allowed form",
    async check(target) {
      const answer = await new Session(target).call("POST", "/v1/programs", { body: program });
      const id = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);
      demandBody(answer, 201, z.looseObject({ program_id: id }));
    },
  },
  {
    name: "execute",
    demand: "POST /v1/programs/{id}/execute answers 200 with program_id, outputs, execution_ms",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      const shape = z.looseObject({
        program_id: z.literal("p"),
        outputs: z.record(z.string(), z.unknown()),
        execution_ms: z.number().min(0),
      });
      demandBody(await session.execute("p"), 200, shape);
    },
  },
  {
    name: "list",
    demand: "GET /v1/programs answers 200 with the session's programs, total_count, next_cursor",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      const entry = z.looseObject({
        id: z.literal("p"),
        created_at: stored.created_at,
        last_executed: z.iso.datetime({ offset: true }).nullable(),
        execution_count: count,
        signature,
      });
      const shape = z.looseObject({
        programs: z.tuple([entry]),
        total_count: z.literal(1),
        next_cursor: z.null(),
      });
      demandBody(await session.call("GET", "/v1/programs"), 200, shape);
    },
  },
  {
    name: "list-unknown-session",
    demand: "the list of a session that was never written to is empty",
    async check(target) {
      const ids = await new Session(target).ids();
      demand(ids.length === 0, `the list has ${ids.length} programs`);
    },
  },
  {
    name: "list-pagination",
    demand: "limit and cursor page through the list: every program once, total_count on each page",
    async check(target) {
      const session = new Session(target);
      const expected = ["a", "b", "c", "d", "e"];
      await session.given(...expected);
      const seen: string[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < expected.length; page += 1) {
        const next = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const shape = z.looseObject({
          programs: z.array(z.looseObject({ id: z.string() })).max(2),
          total_count: z.literal(expected.length),
          next_cursor: z.string().nullable(),
        });
        const answer = await session.call("GET", `/v1/programs?limit=2${next}`);
        const body = demandBody(answer, 200, shape);
        seen.push(...body.programs.map(({ id }) => id));
        cursor = body.next_cursor;
        if (cursor === null) break;
      }
      demand(
        seen.toSorted().join() === expected.join(),
        `the pages show ${seen.join()} instead of ${expected.join()}`,
      );
    },
  },
  {
    name: "get",
    demand: "GET /v1/programs/{id} answers 200 with the program",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      const shape = z.looseObject({ program_id: z.literal("p"), ...stored });
      demandBody(await session.call("GET", "/v1/programs/p"), 200, shape);
    },
  },
  {
    name: "delete",
    demand: "DELETE /v1/programs/{id} answers 200 with status deleted, and the program is gone",
    async check(target) {
      const session = new Session(target);
      await session.given("p", "q");
      const shape = z.looseObject({ program_id: z.literal("p"), status: z.literal("deleted") });
      demandBody(await session.call("DELETE", "/v1/programs/p"), 200, shape);
      const left = await session.ids();
      demand(left.join() === "q", `afterwards the list shows ${left.join() || "nothing"}`);
    },
  },
  {
    name: "end-session",
    demand: "DELETE /v1/session answers 200 cleaned with the number of programs, then not_found",
    async check(target) {
      const session = new Session(target);
      await session.given("p", "q");
      const cleaned = z.looseObject({
        status: z.literal("cleaned"),
        programs_removed: z.literal(2),
      });
      demandBody(await session.call("DELETE", "/v1/session"), 200, cleaned);
      const gone = z.looseObject({
        status: z.literal("not_found"),
        programs_removed: z.literal(0),
      });
      demandBody(await session.call("DELETE", "/v1/session"), 200, gone);
    },
  },
  {
    name: "configure-lm",
    demand: "PUT /v1/session/lm answers 200",
    async check(target) {
      const body = { provider: "stub", model: "m", temperature: 0.5, secret_ref: "secret/name" };
      const answer = await new Session(target).call("PUT", "/v1/session/lm", { body });
      demandStatus(answer, 200);
    },
  },
  {
    name: "configure-lm-secret",
    demand: "a key that is sent with the settings of the model comes back in no answer",
    async check(target) {
      const key = "sk-a-key-that-nobody-may-see";
      const body = { provider: "stub", model: "m", temperature: 0.5, api_key: key };
      const answer = await new Session(target).call("PUT", "/v1/session/lm", { body });
      demand(!answer.text.includes(key), "the answer contains the key");
    },
  },
  {
    name: "health",
    demand:
      "GET /v1/health answers 200 with status, version, build, workers, queue_depth, uptime_s",
    async check(target) {
      const shape = z.looseObject({
        status: z.enum(["ok", "degraded"]),
        version: z.string().min(1),
        build: z.string().min(1),
        workers: z.looseObject({ ready: count, busy: count, degraded: count, starting: count }),
        queue_depth: count,
        uptime_s: z.number().min(0),
      });
      demandBody(await target.data.call("GET", "/v1/health"), 200, shape);
    },
  },
  {
    name: "health-deep",
    demand: "GET /v1/health?deep=true asks a worker and answers 200",
    async check(target) {
      const shape = z.looseObject({ status: z.enum(["ok", "degraded"]) });
      demandBody(await target.data.call("GET", "/v1/health?deep=true"), 200, shape);
    },
  },
  {
    name: "anonymous-session",
    demand: "a call without X-Session-Id is served",
    async check(target) {
      demandStatus(await target.data.call("GET", "/v1/programs?limit=1"), 200);
    },
  },
  {
    name: "unknown-fields",
    demand: "unknown request fields are ignored",
    async check(target) {
      const body = { id: "p", ...program, added_in_a_later_version: { a: 1 } };
      const answer = await new Session(target).call("POST", "/v1/programs", { body });
      demandStatus(answer, 201);
    },
  },
];

import { otherProgram, program, Session } from "../calls.ts";
import type { CallOptions } from "../client.ts";
import { demandError } from "../expect.ts";
import type { Rule } from "../rule.ts";

const tooLarge = 1024 * 1024 + 1;

/** A create that must be refused. */
async function refusedCreate(
  target: Parameters<Rule["check"]>[0],
  code: "invalid_request" | "payload_too_large" | "unsupported_media",
  options: CallOptions,
): Promise<void> {
  demandError(await new Session(target).call("POST", "/v1/programs", options), code);
}

/** Errors that a request causes by itself. */
export const requestErrorRules: readonly Rule[] = [
  {
    name: "error-invalid-request",
    demand: "a body that cannot be used is 400 invalid_request: no JSON, no signature, a bad id",
    async check(target) {
      const json = { "content-type": "application/json" };
      await refusedCreate(target, "invalid_request", { raw: "{", headers: json });
      await refusedCreate(target, "invalid_request", { body: { id: "p" } });
      await refusedCreate(target, "invalid_request", { body: { id: "a b", ...program } });
    },
  },
  {
    name: "error-invalid-session-id",
    demand: "a session id outside the allowed form is 400 invalid_request",
    async check(target) {
      const answer = await target.data.call("GET", "/v1/programs", { session: "a b" });
      demandError(answer, "invalid_request");
    },
  },
  {
    name: "error-invalid-budget",
    demand: "X-Request-Timeout-Ms outside 1 to 300000 is 400 invalid_request",
    async check(target) {
      for (const budget of ["0", "300001", "soon"]) {
        const headers = { "x-request-timeout-ms": budget };
        const answer = await new Session(target).call("GET", "/v1/programs", { headers });
        demandError(answer, "invalid_request");
      }
    },
  },
  {
    name: "error-missing-program-id",
    demand: "an execute that names no program is 400 missing_program_id",
    async check(target) {
      demandError(await new Session(target).execute(""), "missing_program_id");
    },
  },
  {
    name: "error-program-not-found",
    demand: "execute, get and delete of a program that the session does not have are 404",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      demandError(await session.execute("q"), "program_not_found");
      demandError(await session.call("GET", "/v1/programs/q"), "program_not_found");
      demandError(await session.call("DELETE", "/v1/programs/q"), "program_not_found");
    },
  },
  {
    name: "error-session-not-found",
    demand: "an execute in a session that was never written to is 404 session_not_found",
    async check(target) {
      demandError(await new Session(target).execute("p"), "session_not_found");
    },
  },
  {
    name: "error-program-conflict",
    demand: "the same id with another definition is 409 program_conflict",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      demandError(await session.create("p", {}, otherProgram), "program_conflict");
    },
  },
  {
    name: "error-payload-too-large",
    demand: "a body above 1 MiB is 413 payload_too_large",
    async check(target) {
      const body = { id: "p", ...program, pad: "x".repeat(tooLarge) };
      await refusedCreate(target, "payload_too_large", { body });
    },
  },
  {
    name: "error-unsupported-media",
    demand: "a body that is not application/json is 415 unsupported_media",
    async check(target) {
      const raw = JSON.stringify({ id: "p", ...program });
      const headers = { "content-type": "text/plain" };
      await refusedCreate(target, "unsupported_media", { raw, headers });
    },
  },
  {
    name: "error-program-failed",
    demand: "a program that raises (here: its input is missing) is 424 program_failed",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      const body = { inputs: {} };
      const answer = await session.call("POST", "/v1/programs/p/execute", { body });
      demandError(answer, "program_failed");
    },
  },
];

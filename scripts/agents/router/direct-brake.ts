import type { IncomingMessage } from "node:http";
import type { DirectBrakeAnswer, DirectBrakeRequest } from "../../../infra/rollout/direct-brake.ts";
import {
  directBrakeBodyLimit,
  directBrakeRequestSchema,
} from "../../../infra/rollout/direct-brake.ts";
import { readJsonBody } from "../lib/http-server.ts";
import type { Answer } from "../lib/http-server.ts";

/** What became of a request to engage. */
export type DirectEngagement =
  /** It holds and is stored. */
  | { readonly outcome: "engaged"; readonly answer: DirectBrakeAnswer }
  /** It holds, but a restart of the container may forget it. */
  | { readonly outcome: "notStored"; readonly problem: string }
  /** Somebody released this very id: it engages no more. */
  | { readonly outcome: "released" };

/** The brake that is engaged at the agent itself. */
export interface DirectBrake {
  /** Who shows it may engage. */
  readonly token: string;
  readonly engage: (request: DirectBrakeRequest) => DirectEngagement;
}

/** Reads and checks a request, and engages the brake. */
export async function answerDirectBrake(
  { engage }: DirectBrake,
  request: IncomingMessage,
): Promise<Answer> {
  const body = await readJsonBody(request, directBrakeBodyLimit);
  if (body === "tooLong") {
    return [413, `the request has more than ${directBrakeBodyLimit} bytes\n`];
  }
  const parsed = directBrakeRequestSchema.safeParse(body.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join(".")}: ${message}`,
    );
    return [400, `not engaged; send JSON with id, who, why and source: ${problems.join("; ")}\n`];
  }
  const result = engage(parsed.data);
  switch (result.outcome) {
    case "engaged":
      return [200, `${JSON.stringify(result.answer)}\n`, "application/json"];
    case "notStored":
      return [500, `engaged, but not stored, so that a restart may forget it: ${result.problem}\n`];
    case "released":
      return [409, "not engaged: this id was released by name; brake again under a new one\n"];
  }
}

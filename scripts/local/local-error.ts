import { exitCodes, VerbError } from "../lib/verb.ts";

/**
 * The local environment cannot do what was asked, for a reason that its user can do something
 * about; the message says what.
 */
export class LocalError extends VerbError {
  constructor(message: string, exitCode: number = exitCodes.infrastructure) {
    super(exitCode, message);
  }
}

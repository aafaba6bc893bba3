import { describeDecisions } from "./support/decisions.ts";

/** A sample of what `npm run test:long` asks. */
describeDecisions(2_000);

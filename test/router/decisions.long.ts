import { describeDecisions } from "./support/decisions.ts";

describeDecisions(20_000);

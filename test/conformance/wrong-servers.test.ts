import { rules } from "../../scripts/conformance/rules.ts";
import { describeWrongServers } from "./wrong-server-checks.ts";

/** A sample of what `npm run test:long` tries: every fifth rule, so that each group of rules has one. */
describeWrongServers(rules.map(({ name }) => name).filter((_, index) => index % 5 === 0));

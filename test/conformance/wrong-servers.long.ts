import { rules } from "../../scripts/conformance/rules.ts";
import { describeWrongServers } from "./wrong-server-checks.ts";

describeWrongServers(rules.map(({ name }) => name));

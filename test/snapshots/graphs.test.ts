import { beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../infra/config/messages.ts";
import { parseConfig } from "../../infra/config/parse.ts";
import { stageNames, stageTable } from "../../infra/rollout/stages.ts";
import type { Graph } from "../lib/graph.ts";
import { differenceInWords, differenceText, graphText } from "../lib/graph-text.ts";
import { filledConfig, placeholders, stackGraph, stackNames } from "./declared-stacks.ts";
import type { Placeholder, StackName } from "./declared-stacks.ts";

const stages = stageNames(stageTable("accelerated"));

/** Steps of a migration in order: every stage, then the router's retirement. */
const steps = [
  ...stages.map((stage) => ({ name: stage, stage, router: {} })),
  { name: "retire", stage: "retired", router: { retire: true } },
];

const pool = (side: string, size: readonly string[] = []) =>
  ["Deployment", ...size, "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"]
    .map((kind) => `${kind} pool-${side}`)
    .join(", ");

/** Of the two, only prod sets `v2.replicas.max`. */
const sizeOfV2 = { dev: [], prod: ["HorizontalPodAutoscaler"] } as const;

const share = (from: number, to: number) =>
  `ConfigMap rollout: data.percentage ${from} → ${to}, data.stage p${from} → p${to}; nothing else`;

/** What there is once for each of the two that go together: the router, and the guard that watches it. */
const both = (kind: string) => `${kind} guard, ${kind} router`;

/** Of the two, only prod has a database, and so a guard that logs in to one. */
const credentials = { dev: "", prod: "Secret guard-credentials, " } as const;

/** What changes from one step to the next. */
const changesOf = (stack: StackName) => [
  `new: ${pool("v2", sizeOfV2[stack])}; ConfigMap rollout: data.stage baseline → shadow; nothing else`,
  "ConfigMap rollout: data.percentage 0 → 5, data.stage shadow → p5; nothing else",
  share(5, 10),
  share(10, 25),
  share(25, 50),
  share(50, 75),
  share(75, 100),
  "ConfigMap rollout: data.stage p100 → retired; " +
    "NetworkPolicy pool-v2: spec.ingress[0].from[0].podSelector.matchLabels.app.kubernetes.io/name router → (none); " +
    `gone: ${pool("v1")}; nothing else`,
  "Service pool: spec.selector.app.kubernetes.io/name router → pool-v2; gone: ConfigMap brake, ConfigMap rollout, " +
    `${both("Deployment")}, Lease guard, ${both("NetworkPolicy")}, ${both("PodDisruptionBudget")}, ${both("Role")}, ` +
    `${both("RoleBinding")}, ${credentials[stack]}Secret router-tokens, Service router, Service router-agents, ` +
    `${both("ServiceAccount")}, ValidatingAdmissionPolicy brake, ValidatingAdmissionPolicyBinding brake; nothing else`,
];

describe.each(stackNames)("stack %s", (stack) => {
  const graphs: Graph[] = [];
  beforeAll(async () => {
    for (const { stage, router } of steps) graphs.push(await stackGraph(stack, stage, router));
  });

  it("is declared stage by stage as the files beside this test show", async () => {
    for (const [index, graph] of graphs.entries()) {
      const { name } = steps[index] as { name: string };
      const before = graphs[index - 1];
      const text =
        before === undefined
          ? `# Stack ${stack} at ${name}: all resources.\n\n${graphText(graph)}`
          : `# Stack ${stack}, what ${name} changes: ${differenceInWords(before, graph)}.\n\n${differenceText(before, graph)}`;
      await expect(text).toMatchFileSnapshot(`${stack}-${name}.yaml`);
    }
  });

  it("changes from stage to stage by what these words say, and by nothing else", () => {
    const words = graphs
      .slice(1)
      .map((graph, index) => differenceInWords(graphs[index] as Graph, graph));
    expect(words).toEqual(changesOf(stack));
  });

  it("enters the router and goes past it by one selector, and by the percentage where there is one", async () => {
    const beside = { entry: "beside" };
    const selector = "spec.selector.app.kubernetes.io/name";
    const entering = differenceInWords(
      await stackGraph(stack, "baseline", beside),
      graphs[0] as Graph,
    );
    expect(entering).toBe(`Service pool: ${selector} pool-v1 → router; nothing else`);
    const p25 = graphs[stages.indexOf("p25")] as Graph;
    expect(differenceInWords(p25, await stackGraph(stack, "p25", beside))).toBe(
      `ConfigMap rollout: data.percentage 25 → 0; Service pool: ${selector} router → pool-v1; nothing else`,
    );
  });
});

/** What the loader says of stack prod with this placeholder left. */
function problemsWith(left: Placeholder | undefined): string[] {
  try {
    const secretKeys = new Set(["router", "database"]);
    parseConfig(filledConfig("prod", left), { stack: "prod", secretKeys });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ sentence }) => sentence);
  }
}

describe("placeholders of stack prod", () => {
  it("are all found by this test", () => {
    expect(placeholders("prod").map(({ path }) => path)).toEqual([
      "v1.image",
      "v2.image",
      "images.router",
      "images.tools",
      "database.host",
      "database.admin.user",
    ]);
    expect(placeholders("dev")).toEqual([]);
  });

  it.each(placeholders("prod"))(
    "$path is named, with the command, when it alone is left",
    (left) => {
      const problem = `pool-migration:${left.path} is still the placeholder ${JSON.stringify(left.text)}, but must be `;
      const [sentence = "", ...others] = problemsWith(left);
      expect(others).toEqual([]);
      expect(sentence.slice(0, problem.length)).toBe(problem);
      expect(sentence).toContain(`run: pulumi config set --path 'pool-migration:${left.path}' `);
    },
  );

  it("stop nothing once all are filled in", () => {
    expect(problemsWith(undefined)).toEqual([]);
  });
});

import {
  ladderProblems,
  percentageOfStageName,
  retiredStage,
  stageNames,
  stageTable,
} from "../rollout/stages.ts";
import type { Stage } from "../rollout/stages.ts";
import { invalid, missing, problem, setCommand } from "./messages.ts";
import type { Problem } from "./messages.ts";
import { quantityValue } from "./quantity.ts";
import type { Sections } from "./schema.ts";

/** Sections that could be parsed; the others have problems of their own, and rules about them wait. */
export type ParsedSections = { readonly [Name in keyof Sections]?: Sections[Name] | undefined };

/** Environment variables of a pool's container that the program sets itself, and the key that each comes from. */
const ownVariables: Readonly<Record<string, string>> = {
  POOL_PORT: "pool.port",
  POOL_OPERATION_TIMEOUT_MS: "pool.operationTimeoutSeconds",
  POOL_DRAIN_TIMEOUT_S: "pool.drainTimeoutSeconds",
  POOL_SETTLE_S: "the time that the router needs to notice",
  POOL_VERSION: "the side",
};

/** Rules that concern more than one key. */
export function ruleProblems(config: ParsedSections): readonly Problem[] {
  return [
    ...ladderRules(config),
    ...stageRules(config),
    ...timeoutRules(config),
    ...settingsRules(config),
    ...replicaRules(config),
    ...resourceRules(config),
    ...routerRules(config),
    ...tokenRules(config),
    ...toolsRules(config),
  ];
}

/** All stages of the ladder in force; undefined while the ladder has problems. */
export function stagesInForce({ profile, stages }: ParsedSections): readonly Stage[] | undefined {
  if (profile === undefined || stages === undefined) return undefined;
  if (stages.length === 0) return stageTable(profile);
  return ladderProblems(profile, stages).length === 0 ? stageTable(profile, stages) : undefined;
}

function ladderRules({ profile, stages = [] }: ParsedSections): readonly Problem[] {
  if (profile === undefined || stages.length === 0) return [];
  return ladderProblems(profile, stages).map(({ index, field, problem: what, allowed }) => {
    if (index === undefined) {
      const next = `stages[${stages.length}]`;
      return problem(
        ["stages"],
        `${what}, but must have ${allowed}`,
        `pulumi config set --path 'pool-migration:${next}.name' p100 && ` +
          `pulumi config set --path 'pool-migration:${next}.percentage' 100`,
      );
    }
    const path = ["stages", index, ...(field === undefined ? [] : [field])];
    const value = field === undefined ? undefined : stages[index]?.[field];
    const shown = value === undefined ? "" : `is ${JSON.stringify(value)}, which `;
    return problem(path, `${shown}${what}; use ${allowed}`, ladderFix(path, stages, index, field));
  });
}

/** Names follow percentages, so a wrong name has one right value; the rest is for people to choose. */
function ladderFix(
  path: readonly PropertyKey[],
  stages: Sections["stages"],
  index: number,
  field: string | undefined,
): string {
  const rung = stages[index];
  if (field === "percentage") {
    return setCommand(path, String((stages[index - 1]?.percentage ?? 0) + 1));
  }
  if (field !== "name") return setCommand(path);
  return rung !== undefined && rung.name !== `p${rung.percentage}`
    ? setCommand(path, `p${rung.percentage}`)
    : `pulumi config rm --path 'pool-migration:stages[${index}]'`;
}

function stageRules(config: ParsedSections): readonly Problem[] {
  const stages = stagesInForce(config);
  const { stage: name } = config;
  if (stages === undefined || name === undefined) return [];
  const stage = stages.find((candidate) => candidate.name === name);
  if (stage === undefined) {
    const known = percentageOfStageName(name) === undefined ? "" : " of the ladder in force";
    return [invalid(["stage"], name, `must be a stage${known}: ${stageNames(stages).join(", ")}`)];
  }
  const problems = (["v1", "v2"] as const)
    .filter((side) => {
      const section = config[side];
      return stage.pools[side] && section !== undefined && section.image === undefined;
    })
    .map((side) => missing([side, "image"], `at stage ${stage.name}`));
  if (stage.name === retiredStage && config.flags?.poolV2Enabled === false) {
    problems.push(
      invalid(
        ["flags", "poolV2Enabled"],
        false,
        "must be true at stage retired, because V1 is gone there",
      ),
    );
  }
  return problems;
}

function timeoutRules({ pool }: ParsedSections): readonly Problem[] {
  if (pool === undefined || pool.drainTimeoutSeconds >= pool.operationTimeoutSeconds) return [];
  const path = ["pool", "drainTimeoutSeconds"];
  return [
    invalid(
      path,
      pool.drainTimeoutSeconds,
      `must be at least pool.operationTimeoutSeconds (${pool.operationTimeoutSeconds}), ` +
        "or a stopping pod cuts requests that it accepted",
      setCommand(path, String(pool.operationTimeoutSeconds)),
    ),
  ];
}

function settingsRules(config: ParsedSections): readonly Problem[] {
  return (["pool", "v2"] as const).flatMap((section) =>
    Object.keys(config[section]?.settings ?? {}).flatMap((name) => {
      const source = ownVariables[name];
      if (source === undefined) return [];
      return [
        problem(
          [section, "settings", name],
          `cannot be set, because the program sets it from ${source}`,
          `pulumi config rm --path 'pool-migration:${section}.settings.${name}'`,
        ),
      ];
    }),
  );
}

function replicaRules({ v2 }: ParsedSections): readonly Problem[] {
  if (v2?.replicas.max === undefined || v2.replicas.max >= v2.replicas.min) return [];
  const path = ["v2", "replicas", "max"];
  const reason = `must be at least v2.replicas.min (${v2.replicas.min})`;
  return [invalid(path, v2.replicas.max, reason, setCommand(path, String(v2.replicas.min)))];
}

/** Kubernetes refuses a request above its limit, but only when the pods are made. */
function resourceRules(config: ParsedSections): readonly Problem[] {
  return (["v1", "v2"] as const).flatMap((side) =>
    (["cpu", "memory"] as const).flatMap((resource) => {
      const { requests, limits } = config[side]?.resources ?? {};
      const [request, limit] = [requests?.[resource], limits?.[resource]];
      if (request === undefined || limit === undefined) return [];
      if (quantityValue(request) <= quantityValue(limit)) return [];
      const path = [side, "resources", "limits", resource];
      const reason = `must be at least ${side}.resources.requests.${resource} (${request})`;
      return [invalid(path, limit, reason, setCommand(path, request))];
    }),
  );
}

/** What a retired router leaves behind is V2 alone, and beside it V1 serves: each fits one end of the ladder. */
function routerRules({ stage, router, images }: ParsedSections): readonly Problem[] {
  const problems: Problem[] = [];
  if (router?.retire === true && stage !== undefined && stage !== retiredStage) {
    const reason = `must be false at stage ${stage}, because only at stage retired V2 serves alone`;
    problems.push(invalid(["router", "retire"], true, reason));
  }
  if (router?.entry === "beside" && stage === retiredStage) {
    const reason = "must be inline at stage retired, because V1, where it leads, is gone there";
    problems.push(invalid(["router", "entry"], router.entry, reason));
  }
  if (router?.retire === true) return problems;
  const where = "unless router.retire is true";
  if (router !== undefined && router.agentToken === undefined) {
    problems.push(missing(["router", "agentToken"], where));
  }
  if (images !== undefined && images.router === undefined) {
    problems.push(missing(["images", "router"], where));
  }
  return problems;
}

/** Each token is known to other people, and gives other rights. */
function tokenRules({ router }: ParsedSections): readonly Problem[] {
  if (router === undefined) return [];
  const { agentToken, brakeToken } = router;
  const override = router.override?.token;
  const differ = (path: readonly string[], other: string, who: string) =>
    problem(
      path,
      `equals ${other}, but must be another secret, because ${who} know it`,
      setCommand(path),
    );
  const problems: Problem[] = [];
  if (override !== undefined && override === agentToken) {
    problems.push(differ(["router", "override", "token"], "router.agentToken", "testers"));
  }
  if (brakeToken !== undefined && (brakeToken === agentToken || brakeToken === override)) {
    const other = brakeToken === agentToken ? "agentToken" : "override.token";
    problems.push(differ(["router", "brakeToken"], `router.${other}`, "people who brake"));
  }
  return problems;
}

function toolsRules({ images, database }: ParsedSections): readonly Problem[] {
  if (images === undefined || images.tools !== undefined || database === undefined) return [];
  return [missing(["images", "tools"], "where database is set")];
}

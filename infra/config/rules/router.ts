import { retiredStage } from "../../rollout/stages.ts";
import { invalid, missing, problem, setCommand } from "../messages.ts";
import type { Problem } from "../messages.ts";
import type { ParsedSections } from "../schema.ts";

/** What a retired router leaves behind is V2 alone, and beside it V1 serves: each fits one end of the ladder. */
export function routerRules({ stage, router, images }: ParsedSections): readonly Problem[] {
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
export function tokenRules({ router }: ParsedSections): readonly Problem[] {
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

/** The guard, which is there as long as the router is, and the SQL migrations run from one image. */
export function toolsRules({ images, database, router }: ParsedSections): readonly Problem[] {
  if (images === undefined || images.tools !== undefined || router === undefined) return [];
  if (!router.retire) return [missing(["images", "tools"], "unless router.retire is true")];
  return database === undefined ? [] : [missing(["images", "tools"], "where database is set")];
}

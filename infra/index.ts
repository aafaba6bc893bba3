import { program } from "./program.ts";

export const {
  stage,
  percentage,
  gradualRolloutPercentage,
  flags,
  profile,
  namespace,
  routerAddress,
  routerTokensSecret,
  pools,
} = program();

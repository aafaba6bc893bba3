import { program } from "./program.ts";

export const {
  stage,
  percentage,
  gradualRolloutPercentage,
  flags,
  profile,
  namespace,
  callersAddress,
  routerAddress,
  routerTokensSecret,
  pools,
} = program();

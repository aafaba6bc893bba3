import { program } from "./program.ts";

export const {
  stage,
  percentage,
  status,
  gradualRolloutPercentage,
  flags,
  profile,
  namespace,
  callersAddress,
  routerAddress,
  routerTokensSecret,
  pools,
} = program();

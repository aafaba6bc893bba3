import type { BadInput } from "./bad-input.ts";

/** Thresholds, evidence and guard. */
export const badJudgement: Readonly<Record<string, BadInput>> = {
  "a limit that is always passed": {
    change: { "thresholds/alert/errorRatePercent": 0 },
    message:
      "pool-migration:thresholds.alert.errorRatePercent is 0, but must be a number from 0.01 to 100; run: pulumi config set --path 'pool-migration:thresholds.alert.errorRatePercent' 5",
  },
  "a share of more than all": {
    change: { "thresholds/alert/cpuPercent": 120 },
    message:
      "pool-migration:thresholds.alert.cpuPercent is 120, but must be a number from 0.01 to 100; run: pulumi config set --path 'pool-migration:thresholds.alert.cpuPercent' 80",
  },
  "a share with its sign": {
    change: { "thresholds/rollback/errorRatePercent": "10%" },
    message:
      "pool-migration:thresholds.rollback.errorRatePercent is \"10%\", but must be a number from 0.01 to 100; run: pulumi config set --path 'pool-migration:thresholds.rollback.errorRatePercent' 10",
  },
  "half a window": {
    change: { "thresholds/window/consecutive": 2.5 },
    message:
      "pool-migration:thresholds.window.consecutive is 2.5, but must be an integer from 1 to 60; run: pulumi config set --path 'pool-migration:thresholds.window.consecutive' 3",
  },
  "a ratio below one": {
    change: { "thresholds/rollback/p99Ratio": 0.5 },
    message:
      "pool-migration:thresholds.rollback.p99Ratio is 0.5, but must be a number from 1 to 1000; run: pulumi config set --path 'pool-migration:thresholds.rollback.p99Ratio' 2",
  },
  "a misspelt limit": {
    change: { "thresholds/rollback/errorRatoi": 3 },
    message:
      "pool-migration:thresholds.rollback.errorRatoi is not a key of this program; did you mean pool-migration:thresholds.rollback.errorRatio (allowed: errorRatePercent, errorRatio, p99Ratio, workerFailurePercent, memoryGrowthPercentPerHour); run: pulumi config rm --path 'pool-migration:thresholds.rollback.errorRatoi'",
  },
  "a limit without its group": {
    change: { "thresholds/degradation": 10 },
    message:
      "pool-migration:thresholds.degradation is not a key of this program; did you mean pool-migration:thresholds.alert.degradation (allowed: alert, rollback, window, floor, memory); run: pulumi config rm --path 'pool-migration:thresholds.degradation'",
  },
  "a group that is no map": {
    change: { "thresholds/window": 60 },
    message:
      "pool-migration:thresholds.window is a number (not shown), but must be a map of seconds, consecutive, minimumRequests; run: pulumi config rm --path 'pool-migration:thresholds.window'",
  },
  "a level of service that nobody reaches": {
    change: { "evidence/sloPercent": 100 },
    message:
      "pool-migration:evidence.sloPercent is 100, but must be a number from 50 to 99.999; run: pulumi config set --path 'pool-migration:evidence.sloPercent' 99.9",
  },
  "a bound of nothing": {
    change: { "evidence/falseRollbackPercent": 0 },
    message:
      "pool-migration:evidence.falseRollbackPercent is 0, but must be a number from 0.001 to 10; run: pulumi config set --path 'pool-migration:evidence.falseRollbackPercent' 1",
  },
  "a tolerance of less harm than V1 does": {
    change: { "evidence/toleratedRatio": 0.8 },
    message:
      "pool-migration:evidence.toleratedRatio is 0.8, but must be a number from 1 to 1.45; run: pulumi config set --path 'pool-migration:evidence.toleratedRatio' 1.2",
  },
  "an unknown answer to what is not found": {
    change: { "evidence/notFound": "ignore" },
    message:
      "pool-migration:evidence.notFound is \"ignore\", but must be hold or rollback; run: pulumi config set --path 'pool-migration:evidence.notFound' hold",
  },
  "a slow request of no time": {
    change: { "evidence/slowMilliseconds": 0 },
    message:
      "pool-migration:evidence.slowMilliseconds is 0, but must be an integer from 1 to 3600000; run: pulumi config set --path 'pool-migration:evidence.slowMilliseconds' 500",
  },
  "a ladder of harm that does not rise": {
    change: {
      "evidence/ladder": [
        { percentage: 10, ratio: 5 },
        { percentage: 10, ratio: 3 },
      ],
    },
    message:
      "pool-migration:evidence.ladder[1].percentage is 10, but must be above the 10 of the rung before it; run: pulumi config rm --path 'pool-migration:evidence.ladder[1]'",
  },
  "a rung where V1 is too small to compare with": {
    change: { "evidence/ladder": [{ percentage: 75, ratio: 3 }] },
    message:
      "pool-migration:evidence.ladder[0].percentage is 75, but must be an integer from 1 to 50; run: pulumi config set --path 'pool-migration:evidence.ladder[0].percentage' 5",
  },
  "a rung without a ratio": {
    change: { "evidence/ladder": [{ percentage: 5 }] },
    message:
      "pool-migration:evidence.ladder[0].ratio is missing, but must be a number from 1.5 to 100; run: pulumi config set --path 'pool-migration:evidence.ladder[0].ratio' 10",
  },
  "a ladder of harm that is no list": {
    change: { "evidence/ladder": { percentage: 5, ratio: 10 } },
    message:
      "pool-migration:evidence.ladder is a map, but must be a list whose items are a map of percentage, ratio; run: pulumi config rm --path 'pool-migration:evidence.ladder'",
  },
  "an end before anything may pass": {
    change: { "evidence/bakeSeconds": 172800 },
    message:
      "pool-migration:evidence.maximumHoldSeconds is 86400, but must be above evidence.bakeSeconds (172800), or no stage could ever pass; run: pulumi config set --path 'pool-migration:evidence.maximumHoldSeconds' 172801",
  },
  "an end that the profile's stay outlasts": {
    change: { "evidence/maximumHoldSeconds": 600 },
    message:
      "pool-migration:evidence.maximumHoldSeconds is 600, but must be above evidence.bakeSeconds (3600), or no stage could ever pass; run: pulumi config set --path 'pool-migration:evidence.maximumHoldSeconds' 3601",
  },
  "no guard": {
    change: { "guard/replicas": 0 },
    message:
      "pool-migration:guard.replicas is 0, but must be an integer from 1 to 5; run: pulumi config set --path 'pool-migration:guard.replicas' 2",
  },
  "a guard that never looks": {
    change: { "guard/intervalSeconds": 60 },
    message:
      "pool-migration:guard.intervalSeconds is 60, but must be a number from 0.5 to 10; run: pulumi config set --path 'pool-migration:guard.intervalSeconds' 1",
  },
  "a guard that is a list": {
    change: { guard: ["guard"] },
    message:
      "pool-migration:guard is a list, but must be a map of replicas, intervalSeconds, journalSeconds, missingDataAlertSeconds, alertRepeatSeconds; run: pulumi config rm pool-migration:guard",
  },
};

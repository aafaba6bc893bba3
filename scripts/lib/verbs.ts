/** A group of commands in `npm run help`. */
export interface VerbGroup {
  title: string;
  /** One line for each npm script. */
  verbs: Record<string, string>;
}

/** Every npm script with one line each; the only list of its kind. */
export const verbGroups: readonly VerbGroup[] = [
  {
    title: "See it work, on this machine alone",
    verbs: {
      rehearse: "Move a live pool from V1 to V2 and back in a local cluster, and prove every step",
      faults: "Break V2 in every planned way in a local cluster, and time how the guards brake",
      "local:up": "Start the local environment: cluster, database, engine",
      "local:status": "Show the local environment: endpoints, versions, providers",
      "local:exec": "Run a command (kubectl, pulumi …) inside the local environment",
      "local:down": "Stop the local environment and leave nothing behind",
    },
  },
  {
    title: "Operate a migration (each with --stack <name>)",
    verbs: {
      preflight: "Check all that a stack needs before an up, and say how to mend what is wrong",
      status: "Show stage, percentages, brake, verdict, routers and guards in ten lines",
      watch: "Show what the guards see and how they judge, again and again",
      gate: "Say whether the next stage may start, check by check",
      brake: "Send all traffic to V1 now, and wait until every router replica has done so",
      "db:status":
        "Compare the migration's tables with the SQL files: pending, edited, changed by hand",
      replay: "Recompute every verdict of the guards from the journal, and compare",
      release: "Release the brake, and wait until every router replica follows the stage again",
    },
  },
  {
    title: "Work on the program itself",
    verbs: {
      help: "List the verbs, or explain one: npm run help -- brake",
      simulate:
        "Simulate thousands of migrations, and measure false rollbacks and power of the gate",
      conformance: "Check any pool against the pool contract, over HTTP alone (--url <url>)",
      test: "Run the tests that need no root and no cluster",
      "test:long": "Test with inputs in large numbers, of which npm test takes a sample",
      "test:cluster": "Run the tests that need the local environment",
      bench: "Measure router, stage changes, brake and guards beside their goals",
      check: "Check format, lint, types and unused code",
      "check:format": "Check that every file is formatted",
      "check:lint": "Check the lint rules",
      "check:types": "Check the types",
      "check:unused": "Check for unused files, exports and dependencies",
      format: "Format every file",
    },
  },
];

/** The one line of a verb; empty for a name that is none. */
export function summaryOf(name: string): string {
  return verbGroups.find(({ verbs }) => Object.hasOwn(verbs, name))?.verbs[name] ?? "";
}

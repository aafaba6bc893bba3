import { invalid, removeCommand } from "../messages.ts";
import type { Problem } from "../messages.ts";
import type { ParsedSections } from "../schema.ts";

/**
 * What the configuration can say and the program cannot do yet. It stops here, because a value without effect would
 * be taken for done.
 */
export function unavailableRules({
  v1,
  database,
  aws,
  archive,
}: ParsedSections): readonly Problem[] {
  const refuse = (path: readonly string[], value: unknown, what: string): readonly Problem[] =>
    value === undefined || value === false
      ? []
      : [
          invalid(
            path,
            value,
            `must be left out, because this version cannot yet ${what}`,
            removeCommand(path),
          ),
        ];
  return [
    ...refuse(["v1", "adopt"], v1?.adopt, "adopt a V1 that runs already"),
    ...refuse(["database", "rds"], database?.rds, "create a database server"),
    ...refuse(["aws", "enabled"], aws?.enabled, "declare anything on AWS"),
    ...refuse(["archive", "enabled"], archive?.enabled, "archive anything"),
  ];
}

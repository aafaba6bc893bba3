import type { PropertyMap } from "../lib/properties.ts";
import { text, texts } from "./resource-kind.ts";

/** Privileges by type of object (https://www.postgresql.org/docs/current/ddl-priv.html); `ALL` is allowed for each. */
const privilegesOf: Record<string, readonly string[]> = {
  database: ["CREATE", "CONNECT", "TEMPORARY"],
  schema: ["CREATE", "USAGE"],
  table: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
  sequence: ["USAGE", "SELECT", "UPDATE"],
  function: ["EXECUTE"],
  procedure: ["EXECUTE"],
  routine: ["EXECUTE"],
  type: ["USAGE"],
};

/** What is wrong with `objectType` and `privileges` of a grant, if only these types of object are known. */
export function checkPrivileges(
  inputs: PropertyMap,
  types: readonly string[],
): [property: string, reason: string][] {
  const type = text(inputs, "objectType") ?? "";
  const allowed = types.includes(type) ? privilegesOf[type] : undefined;
  if (allowed === undefined) {
    return [["objectType", `${JSON.stringify(type)} is none of ${types.join(", ")}`]];
  }
  return texts(inputs, "privileges")
    .filter((privilege) => privilege !== "ALL" && !allowed.includes(privilege))
    .map((privilege) => [
      "privileges",
      `${JSON.stringify(privilege)} is no privilege of a ${type}: use ALL or some of ${allowed.join(", ")}`,
    ]);
}

/** The granted privileges in the words of the program: `ALL` where it said so and all are there. */
export function inWordsOf(inputs: PropertyMap, granted: string[]): string[] {
  const wanted = texts(inputs, "privileges");
  const type = text(inputs, "objectType") ?? "";
  const meant = wanted.includes("ALL") ? (privilegesOf[type] ?? []) : wanted;
  const same = meant.length === granted.length && meant.every((each) => granted.includes(each));
  return same ? wanted : granted;
}

import { automaticName } from "../lib/autoname.ts";
import { propertyChanges, type PropertyChange } from "../lib/property-diff.ts";
import {
  holdsUnknown,
  isUnknown,
  markLike,
  reveal,
  secret,
  type PropertyMap,
} from "../lib/properties.ts";
import type {
  CheckCall,
  CheckResult,
  Created,
  CreateCall,
  DeleteCall,
  DiffCall,
  DiffResult,
  ReadCall,
  ReadResult,
  ResourceProvider,
  UpdateCall,
} from "../lib/resource-provider.ts";
import { parseConfiguration } from "./configuration.ts";
import { database } from "./database.ts";
import { defaultPrivileges } from "./default-privileges.ts";
import { extension } from "./extension.ts";
import { grant } from "./grant.ts";
import { grantRole } from "./grant-role.ts";
import { sameItems, type ResourceKind } from "./resource-kind.ts";
import { role } from "./role.ts";
import { schema } from "./schema.ts";
import { DatabaseServer } from "./server.ts";

const kinds: Record<string, ResourceKind> = {
  Database: database,
  DefaultPrivileges: defaultPrivileges,
  Extension: extension,
  Grant: grant,
  GrantRole: grantRole,
  Role: role,
  Schema: schema,
};

/** Acts on a real PostgreSQL server as the official provider does. */
export class PostgresqlProvider implements ResourceProvider {
  readonly version = "3.18.1";
  private server: DatabaseServer | undefined;

  configure(raw: PropertyMap): Promise<void> {
    this.server = new DatabaseServer(parseConfiguration(raw));
    return Promise.resolve();
  }

  check({ type, name, oldInputs, newInputs, randomSeed }: CheckCall): Promise<CheckResult> {
    const kind = kindOf(type);
    const inputs = withSecretPassword(newInputs);
    if (kind.autonamed === true && inputs["name"] === undefined) {
      inputs["name"] = oldInputs["name"] ?? automaticName(name, randomSeed, 7);
    }
    const plain = reveal(inputs);
    const absent = kind.required
      .filter((input) => plain[input] === undefined)
      .map((input): [string, string] => [input, "is missing"]);
    const wrong = holdsUnknown(plain) ? [] : (kind.check?.(plain) ?? []);
    const failures = [...absent, ...wrong].map(([property, reason]) => ({
      property,
      reason: `${property} ${reason}`,
    }));
    return Promise.resolve({ inputs, failures });
  }

  diff({ type, oldInputs, newInputs }: DiffCall): Promise<DiffResult> {
    const kind = kindOf(type);
    const [before, after] = [reveal(oldInputs), reveal(newInputs)];
    const same = (kind.sets ?? []).filter((set) => sameItems(before[set], after[set]));
    const changes = propertyChanges(before, after).filter(
      ({ path }) => !same.includes(String(path[0])),
    );
    const replaces = ({ path }: PropertyChange) => kind.replacedBy.includes(String(path[0]));
    return Promise.resolve({
      changes: changes.filter((change) => !replaces(change)),
      replaceBecauseOf: changes.filter(replaces),
      // Two databases or schemas cannot have one name.
      deleteBeforeReplace: "name" in after && before["name"] === after["name"],
    });
  }

  async create({ type, inputs, preview }: CreateCall): Promise<Created> {
    if (preview) return { id: "", outputs: inputs };
    const created = await kindOf(type).create(this.connected(), reveal(inputs));
    return { id: created.id, outputs: markLike(created.outputs, inputs) };
  }

  async update({ type, id, oldInputs, newInputs, preview }: UpdateCall): Promise<PropertyMap> {
    if (preview) return newInputs;
    const [before, after] = [reveal(oldInputs), reveal(newInputs)];
    return markLike(await kindOf(type).update(this.connected(), id, before, after), newInputs);
  }

  async read({ type, id, inputs, outputs }: ReadCall): Promise<ReadResult | undefined> {
    const known = reveal(Object.keys(inputs).length > 0 ? inputs : outputs);
    const found = await kindOf(type).read(this.connected(), id, known);
    if (found === undefined) return undefined;
    const marked = withSecretPassword(markLike(found, inputs));
    return { id, inputs: marked, outputs: marked };
  }

  async delete({ type, id, outputs }: DeleteCall): Promise<void> {
    await kindOf(type).delete(this.connected(), id, reveal(outputs));
  }

  cancel(): void {
    this.server?.cancel();
  }

  private connected(): DatabaseServer {
    return (this.server ??= new DatabaseServer(parseConfiguration({})));
  }
}

function kindOf(type: string): ResourceKind {
  const kind = kinds[type.split(":").at(-1) ?? ""];
  if (kind === undefined) {
    throw new Error(
      `The stand-in for the PostgreSQL provider does not know ${type}: it knows ${Object.keys(kinds).join(", ")}.`,
    );
  }
  return kind;
}

function withSecretPassword(inputs: PropertyMap): PropertyMap {
  const password = inputs["password"];
  if (password === undefined || isUnknown(password)) return { ...inputs };
  return { ...inputs, password: secret(password) };
}

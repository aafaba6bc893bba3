import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, resolve } from "node:path";
import type ts from "typescript";

/** What a program consists of. */
export interface ProgramFiles {
  /** Absolute paths of the project's own files. */
  readonly sources: ReadonlySet<string>;
  /** Absolute paths of the directories of all packages that are needed, those of packages included. */
  readonly packages: ReadonlySet<string>;
}

/** The compiler is loaded when it is needed: half of the time a command takes would go into that. */
async function loadCompiler(): Promise<typeof ts> {
  return (await import("typescript")).default;
}

/** Module names that a file imports at run time, by declaration or by `import()` of a literal. */
export async function importedModules(source: string, fileName: string): Promise<string[]> {
  const ts = await loadCompiler();
  /** Type stripping removes whole `type` declarations. */
  const isAtRunTime = (node: ts.ImportDeclaration | ts.ExportDeclaration): boolean =>
    ts.isExportDeclaration(node)
      ? !node.isTypeOnly
      : node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword;
  const file = ts.createSourceFile(fileName, source, ts.ScriptTarget.Latest);
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    let name: ts.Node | undefined;
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && isAtRunTime(node)) {
      name = node.moduleSpecifier;
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      name = node.arguments[0];
    }
    if (name !== undefined && ts.isStringLiteral(name)) names.push(name.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

/** `@scope/name` or `name` of the package a module name belongs to. */
function packageName(module: string): string {
  return module.split("/", module.startsWith("@") ? 2 : 1).join("/");
}

/** The directory of a package as Node finds it from `from` (Node's `node_modules` lookup). */
function findPackage(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (directory === dirname(directory)) return undefined;
  }
}

interface PackageManifest {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

/** Adds a package and what it depends on. Optional ones are added only if something required them. */
function addPackage(directory: string, packages: Set<string>): void {
  if (packages.has(directory)) return;
  packages.add(directory);
  const manifest = JSON.parse(
    readFileSync(join(directory, "package.json"), "utf8"),
  ) as PackageManifest;
  const peers = Object.keys(manifest.peerDependencies ?? {}).filter(
    (name) => manifest.peerDependenciesMeta?.[name]?.optional !== true,
  );
  const optional = new Set(Object.keys(manifest.optionalDependencies ?? {}));
  for (const name of [...Object.keys(manifest.dependencies ?? {}), ...peers]) {
    const found = findPackage(name, directory);
    if (found !== undefined) addPackage(found, packages);
    else if (!optional.has(name)) {
      throw new Error(
        `${directory} needs the package ${name}, which is not installed: run npm ci.`,
      );
    }
  }
}

/**
 * All files that programs need at run time: the project's sources that they import, directly or
 * through others, and the packages with all they depend on.
 *
 * @param entryPoints absolute paths of the programs' first files.
 * @throws if an import leads nowhere, naming it and the file it is in.
 */
export async function traceProgram(entryPoints: readonly string[]): Promise<ProgramFiles> {
  const sources = new Set<string>();
  const packages = new Set<string>();
  const queue = [...entryPoints];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (sources.has(path)) continue;
    sources.add(path);
    for (const module of await importedModules(readFileSync(path, "utf8"), path)) {
      if (module.startsWith("node:") || builtinModules.includes(module)) continue;
      if (module.startsWith(".")) {
        const target = resolve(dirname(path), module);
        if (!existsSync(target))
          throw new Error(`${path} imports ${module}, which does not exist.`);
        queue.push(target);
        continue;
      }
      const directory = findPackage(packageName(module), dirname(path));
      if (directory === undefined) {
        throw new Error(`${path} imports ${module}, which is not installed: run npm ci.`);
      }
      addPackage(directory, packages);
    }
  }
  return { sources, packages };
}

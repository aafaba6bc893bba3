/** One instruction of a Dockerfile, its continued lines joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** A stage of a Dockerfile. */
export interface Stage {
  readonly name: string;
  /** An image, or another stage. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, with the defaults of its global arguments filled in. */
export function parseStages(dockerfile: string): Map<string, Stage> {
  const defaults = new Map<string, string>();
  const stages = new Map<string, { name: string; base: string; instructions: Instruction[] }>();
  let current: { instructions: Instruction[] } | undefined;
  const joined = dockerfile.replaceAll(/^#.*\n/gm, "").replaceAll(/\\\n\s*/g, "");
  for (const line of joined.split("\n").filter((text) => text.trim() !== "")) {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === "") throw new Error(`no instruction: ${line}`);
    const text = rest.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => {
      const value = defaults.get(variable);
      if (value === undefined) throw new Error(`no argument ${variable}: ${line}`);
      return value;
    });
    if (name === "ARG" && current === undefined) {
      const [variable = "", value = ""] = text.split("=");
      defaults.set(variable, value);
    } else if (name === "FROM") {
      const [, base = "", stage = ""] = /^(\S+) AS (\S+)$/.exec(text) ?? [];
      if (stage === "") throw new Error(`a stage without a name: ${line}`);
      current = { instructions: [] };
      stages.set(stage, Object.assign(current, { name: stage, base }));
    } else if (current === undefined) throw new Error(`before the first stage: ${line}`);
    else current.instructions.push({ name, text });
  }
  return stages;
}

/** All instructions that make up a target, those of the stages that it is built on first. */
export function instructionsOf(stages: Map<string, Stage>, target: string): Instruction[] {
  const stage = stages.get(target);
  if (stage === undefined) return [];
  return [...instructionsOf(stages, stage.base), ...stage.instructions];
}

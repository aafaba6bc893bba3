/** Who engaged the brake, when and why. */
export interface EngagementRecord {
  /** Person or program, as the cluster or the operating system names it. */
  readonly who: string;
  /** Time in ISO 8601, UTC; empty where unknown. */
  readonly when: string;
  readonly why: string;
  /** How the engagement came about, for example `cli` or `guard`. */
  readonly source?: string | undefined;
}

/** One engagement of the brake. The brake is engaged while at least one is held. */
export interface Engagement extends EngagementRecord {
  readonly id: string;
}

/** Who released an engagement, when and why. */
export interface ReleaseRecord {
  readonly who: string;
  /** Time in ISO 8601, UTC. */
  readonly when: string;
  readonly why: string;
}

/** What an attempt to read the ConfigMap `brake` gave. */
export type BrakeObservation =
  /** The object exists; the API leaves `data` out while it is empty. */
  | { readonly kind: "present"; readonly data?: Readonly<Record<string, string>> | undefined }
  /** A live API server answered 404. */
  | { readonly kind: "absent" }
  /** No answer, or a refusal (401, 403, 5xx). */
  | { readonly kind: "unknown" };

/** JSON merge patch (RFC 7386) of the ConfigMap; null removes a key. */
export interface BrakePatch {
  readonly data: Readonly<Record<string, string | null>>;
}

/** Id of an engagement that was written by hand, under the bare key `engaged`. */
const anonymousId = "anonymous";

/** Id of the engagement that stands for a missing object. */
const absentId = "absent";

const engagedKey = "engaged";
const engagedPrefix = "engaged.";
const releasedPrefix = "released.";
/** Ids that this program gives. */
const ownIdPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;
/** Ids that a hand-written `engaged.<id>` may have: a key of a ConfigMap has at most 253 of these characters. */
const keyIdPattern = /^[A-Za-z0-9_.-]{0,244}$/;

/**
 * Engagements that hold after an observation: those held before and those in the object, without those that the
 * object releases. Nothing but a release that names an engagement ends it: an object that lost its data, was deleted
 * or was made anew releases nothing, and so no `pulumi up` does.
 *
 * - `engaged.<id>` engages under that id, also when its JSON cannot be read (who and why are then "unknown").
 * - The bare key `engaged`, with any value, engages under the id `anonymous`.
 * - `released.<id>` releases that id, even beside `engaged.<id>`; `released.anonymous` counts only once the bare key
 *   is gone, so that the same `kubectl patch` engages again after a release.
 * - A 404 engages under the id `absent`; what could not be read changes nothing.
 *
 * @param held engagements held so far
 * @returns engagements held now, sorted by id; empty = released
 */
export function observeBrake(
  held: readonly Engagement[],
  observation: BrakeObservation,
): readonly Engagement[] {
  const engagements = new Map(held.map((engagement) => [engagement.id, engagement]));
  if (observation.kind === "absent" && !engagements.has(absentId)) {
    engagements.set(absentId, absentEngagement);
  }
  if (observation.kind === "present") {
    const data = observation.data ?? {};
    for (const engagement of engagementsIn(data)) {
      const known = engagements.get(engagement.id);
      if (known === undefined || engagement.who !== unknownText) {
        engagements.set(engagement.id, engagement);
      }
    }
    for (const id of [...engagements.keys()].filter((candidate) => isReleased(data, candidate))) {
      engagements.delete(id);
    }
  }
  return [...engagements.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * Merge patch that engages the brake. It touches one key, so that two writers never conflict.
 *
 * @throws RangeError when the id could not be a key of a ConfigMap
 */
export function engagePatch(id: string, record: EngagementRecord): BrakePatch {
  assertEngagementId(id, ownIdPattern);
  const { who, when, why, source } = record;
  return { data: { [engagedPrefix + id]: JSON.stringify({ who, when, why, source }) } };
}

/**
 * Merge patch that releases the named engagements and no others. It also takes ids that people wrote by hand and that
 * `engagePatch` would refuse.
 *
 * @throws RangeError when an id could not be a key of a ConfigMap, or no id is named
 */
export function releasePatch(ids: readonly string[], record: ReleaseRecord): BrakePatch {
  if (ids.length === 0) throw new RangeError("A release names at least one engagement.");
  const { who, when, why } = record;
  const data: Record<string, string | null> = {};
  for (const id of ids) {
    assertEngagementId(id, keyIdPattern);
    if (id === anonymousId) data[engagedKey] = null;
    data[engagedPrefix + id] = null;
    data[releasedPrefix + id] = JSON.stringify({ who, when, why });
  }
  return { data };
}

/**
 * New id of an engagement: `<UTC yyyymmddThhmmssZ>-<6 hexadecimal digits>`, so that ids sort by time and two
 * writers in one second differ.
 *
 * @param random number from 0 (included) to 1 (excluded)
 */
export function newEngagementId(now: Date, random: number = Math.random()): string {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const suffix = Math.floor(random * 0x1000000)
    .toString(16)
    .padStart(6, "0");
  return `${time}-${suffix}`;
}

/** How a guard marks its engagements. */
export const guardSource = "guard";

/** Whether an engagement is a guard's rollback. */
export function isByGuard({ source }: EngagementRecord): boolean {
  return source === guardSource;
}

/** Whether an id is one that programs may give: a usable key, and not a name with a meaning of its own. */
export function isOwnEngagementId(id: string): boolean {
  return ownIdPattern.test(id) && id !== anonymousId && id !== absentId;
}

/** Whether the content of the ConfigMap releases an id. */
export function isReleased(data: Readonly<Record<string, string>>, id: string): boolean {
  if (id === anonymousId && Object.hasOwn(data, engagedKey)) return false;
  return Object.hasOwn(data, releasedPrefix + id);
}

/** Whether the content of the ConfigMap knows an id that a program gave: it engages or releases it. */
export function isWritten(data: Readonly<Record<string, string>>, id: string): boolean {
  return Object.hasOwn(data, engagedPrefix + id) || isReleased(data, id);
}

const unknownText = "unknown";

const absentEngagement: Engagement = {
  id: absentId,
  who: "kubernetes",
  when: "",
  why: "the ConfigMap brake does not exist",
};

function engagementsIn(data: Readonly<Record<string, string>>): readonly Engagement[] {
  return Object.entries(data).flatMap(([key, value]) => {
    if (key === engagedKey) return [{ id: anonymousId, ...handWritten(value) }];
    if (!key.startsWith(engagedPrefix)) return [];
    return [{ id: key.slice(engagedPrefix.length), ...parseRecord(value) }];
  });
}

/** Whoever breaks the glass writes a reason, a record or nothing: all of it engages. */
function handWritten(value: string): EngagementRecord {
  const record = parseRecord(value);
  return record.who === unknownText ? { ...record, why: value.trim() || unknownText } : record;
}

function parseRecord(value: string): EngagementRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    parsed = undefined;
  }
  const fields = typeof parsed === "object" && parsed !== null ? parsed : {};
  const text = (name: string): string | undefined => {
    const field: unknown = Reflect.get(fields, name);
    return typeof field === "string" && field !== "" ? field : undefined;
  };
  const source = text("source");
  return {
    who: text("who") ?? unknownText,
    when: text("when") ?? "",
    why: text("why") ?? unknownText,
    ...(source === undefined ? {} : { source }),
  };
}

function assertEngagementId(id: string, pattern: RegExp): void {
  if (!pattern.test(id)) {
    throw new RangeError(
      `"${id}" is not the id of an engagement: use letters, digits, ".", "_" and "-", ` +
        "a letter or digit first.",
    );
  }
}

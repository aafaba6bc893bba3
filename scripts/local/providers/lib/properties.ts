import struct from "google-protobuf/google/protobuf/struct_pb.js";

/** A property as the engine sends it: JSON, in which secrets and unknowns are marked (see {@link isSecret}, {@link isUnknown}). */
export type PropertyValue =
  string | number | boolean | null | PropertyValue[] | { [key: string]: PropertyValue };

/** Inputs or outputs of one resource. */
export type PropertyMap = Record<string, PropertyValue>;

// Signatures and sentinels of the engine's wire format:
// https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go and …/resource/sig/sig.go
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** Stands for a string that is not known before something else was created. */
export const unknownString = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const unknowns = new Set([
  unknownString,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // boolean
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);

/** True for an object that is neither an array nor null. */
export function isObject(value: PropertyValue | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a value that the engine will know only after something else was created (previews). */
export function isUnknown(value: PropertyValue | undefined): boolean {
  return typeof value === "string" && unknowns.has(value);
}

/** True for a value that is marked as a secret itself (not for one that holds a secret deeper inside). */
function isSecret(value: PropertyValue | undefined): value is { value: PropertyValue } {
  return isObject(value) && value[signatureKey] === secretSignature;
}

/** Marks a value as secret: the engine then encrypts it in its state and hides it in its output. */
export function secret(value: PropertyValue): PropertyValue {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

function some(value: PropertyValue, test: (value: PropertyValue) => boolean): boolean {
  if (test(value)) return true;
  if (Array.isArray(value)) return value.some((item) => some(item, test));
  return isObject(value) && Object.values(value).some((item) => some(item, test));
}

/** True if the value is or holds an unknown. */
export function holdsUnknown(value: PropertyValue): boolean {
  return some(value, isUnknown);
}

/** True if the value is or holds a secret. */
export function holdsSecret(value: PropertyValue): boolean {
  return some(value, isSecret);
}

/** The value without secret marks, at any depth, and without nulls in objects: what the real thing is told. */
export function reveal(value: PropertyMap): PropertyMap;
export function reveal(value: PropertyValue): PropertyValue;
export function reveal(value: PropertyValue): PropertyValue {
  if (isSecret(value)) return reveal(value.value);
  if (Array.isArray(value)) return value.map((item) => reveal(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, reveal(item)]),
  );
}

/**
 * Marks in `plain` what is marked as secret in `marked`, key by key. An array that holds a secret is marked as a whole,
 * because its order may not survive the way through the real thing.
 */
export function markLike(plain: PropertyMap, marked: PropertyMap): PropertyMap {
  return Object.fromEntries(
    Object.entries(plain).map(([key, value]) => {
      const like = marked[key];
      if (like === undefined || !holdsSecret(like)) return [key, value];
      const deeper = isObject(value) && isObject(like) && !isSecret(like) && !isSecret(value);
      return [key, deeper ? markLike(value, like) : secret(value)];
    }),
  );
}

/** Decodes what a request carries; an absent structure is an empty one. */
export function fromStruct(value: struct.Struct | undefined): PropertyMap {
  return value?.toJavaScript() ?? {};
}

/** Encodes what a response carries. */
export function toStruct(value: PropertyMap): struct.Struct {
  return struct.Struct.fromJavaScript(value);
}

import createHasher from "xxhash-wasm";

const hasher = await createHasher();

/** Number of buckets: percentages are whole per cent. */
const bucketCount = 100n;

/**
 * XXH64 of an id's UTF-8 bytes with seed 0: what Envoy hashes, and what a session is known by where its id must not
 * be told.
 *
 * @param id session id or request id
 * @returns unsigned 64-bit integer
 */
export function idHash(id: string): bigint {
  return hasher.h64(id);
}

/**
 * Bucket of a hash: modulo 100.
 *
 * This is the value that Envoy computes for `weighted_clusters` with `use_hash_policy` and weights that sum to 100
 * (`source/common/http/hash_policy.cc`, `weighted_cluster_specifier.cc`: hash of the header modulo the total weight,
 * clusters taken in listed order). It depends on nothing but the id, so all replicas and restarts agree.
 *
 * @param hash of an id, by {@link idHash}
 * @returns integer from 0 to 99
 */
export function bucketOfHash(hash: bigint): number {
  return Number(hash % bucketCount);
}

/**
 * Bucket of a hash that is given in halves: for many of them, 64-bit integers are too slow.
 *
 * @param high upper half, unsigned 32-bit integer
 * @param low lower half, unsigned 32-bit integer
 */
export function bucketOfHalves(high: number, low: number): number {
  // 2^32 mod 100 is 96.
  return ((high % 100) * 96 + low) % 100;
}

/** Bucket of an id: that of its hash. */
export function bucket(id: string): number {
  return bucketOfHash(idHash(id));
}

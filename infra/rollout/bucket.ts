import createHasher from "xxhash-wasm";

const hasher = await createHasher();

/** Number of buckets: percentages are whole per cent. */
const bucketCount = 100n;

/**
 * Bucket of an id: XXH64 of its UTF-8 bytes with seed 0, modulo 100.
 *
 * This is the value that Envoy computes for `weighted_clusters` with `use_hash_policy` and weights that sum to 100
 * (`source/common/http/hash_policy.cc`, `weighted_cluster_specifier.cc`: hash of the header modulo the total weight,
 * clusters taken in listed order). It depends on nothing but the id, so all replicas and restarts agree.
 *
 * @param id session id or request id
 * @returns integer from 0 to 99
 */
export function bucket(id: string): number {
  return Number(hasher.h64(id) % bucketCount);
}

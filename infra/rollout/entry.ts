/**
 * Where the callers' Service leads: `inline` = through the router, `beside` = past it, straight to V1, while the
 * router is deployed and can be checked.
 */
export const routerEntries = ["inline", "beside"] as const;

/** Where the callers' Service leads while there is a router. */
export type RouterEntry = (typeof routerEntries)[number];

import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { attemptSchema } from "../../../infra/rollout/evidence/attempt.ts";
import { objectNames, projectName } from "../../../infra/rollout/names.ts";
import { isFailure } from "../../lib/kubernetes-error.ts";
import type { KubernetesClient } from "../../lib/kubernetes.ts";
import type { KubernetesObject } from "../../lib/kubernetes-objects.ts";
import { resources } from "../../lib/kubernetes-objects.ts";

/** Times of the Lease. */
interface LeaseTimes {
  /** Others take it over after this time without a renewal. Default 8,000 ms. */
  readonly duration?: number;
  /** The holder that could not renew it for this time no longer acts as one. Default 6,000 ms. */
  readonly deadline?: number;
  /** Between two renewals. Default 2,000 ms. */
  readonly renewal?: number;
}

interface LeaseSpec {
  holderIdentity?: string | null;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

interface Lease extends KubernetesObject {
  spec?: LeaseSpec;
}

/** Annotation of the Lease that holds the attempt in force, as JSON. */
const attemptAnnotation = `${projectName}/attempt`;

/** Longest wait for the API server, milliseconds. */
const patience = 1_500;

/**
 * The Lease `guard`: whoever holds it journals, tells people, and says which attempt is in force. Like the leader
 * election of client-go it compares no clocks: a holder is gone when the Lease has not changed for its duration since
 * this process saw it change.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/leases/
 */
export class Leadership {
  private readonly client: KubernetesClient;
  private readonly namespace: string;
  private readonly identity: string;
  private readonly times: Required<LeaseTimes>;
  private lease: Lease | undefined;
  private seenVersion: string | undefined;
  private seenAt = 0;
  /** By the clock that only goes forward: until then this process may act as the holder. */
  private until = -Infinity;
  private renewedAt = -Infinity;
  private known: Attempt | undefined;

  constructor(options: {
    readonly client: KubernetesClient;
    readonly namespace: string;
    readonly identity: string;
    readonly times?: LeaseTimes;
  }) {
    this.client = options.client;
    this.namespace = options.namespace;
    this.identity = options.identity;
    this.times = { duration: 8_000, deadline: 6_000, renewal: 2_000, ...options.times };
  }

  /** Whether this process holds the Lease. */
  get leads(): boolean {
    return performance.now() < this.until;
  }

  /** Who holds it, as far as was seen; undefined: nobody. */
  get holder(): string | undefined {
    return this.lease?.spec?.holderIdentity ?? undefined;
  }

  /** The attempt that the Lease names; undefined: none was read. */
  get attempt(): Attempt | undefined {
    return this.known;
  }

  /**
   * Looks at the Lease, and takes or renews it where that is due.
   *
   * @throws KubernetesError where the API server cannot be used
   */
  async step(): Promise<void> {
    await this.read();
    const now = performance.now();
    const held = this.holder;
    const free = held === undefined || held === "" || now - this.seenAt > this.times.duration;
    if (held === this.identity) {
      if (now - this.renewedAt >= this.times.renewal) await this.write(this.known);
    } else {
      this.until = -Infinity;
      if (free) await this.write(this.known);
    }
  }

  /**
   * Names another attempt. Only the holder may.
   *
   * @returns whether it is stored: somebody else may have taken the Lease meanwhile
   */
  async name(attempt: Attempt): Promise<boolean> {
    return this.leads && (await this.write(attempt));
  }

  /** Gives the Lease back, so that another guard need not wait. */
  async release(): Promise<void> {
    if (!this.leads || this.lease === undefined) return;
    this.until = -Infinity;
    const spec = { ...this.lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
    const options = { timeoutMilliseconds: patience };
    await this.client
      .replace(resources.leases, this.namespace, { ...this.lease, spec }, options)
      .catch(() => undefined);
  }

  private async read(): Promise<void> {
    const options = { timeoutMilliseconds: patience };
    this.see(
      await this.client.get<Lease>(resources.leases, this.namespace, objectNames.guard, options),
    );
  }

  private see(lease: Lease): void {
    this.lease = lease;
    if (lease.metadata.resourceVersion !== this.seenVersion) {
      this.seenVersion = lease.metadata.resourceVersion;
      this.seenAt = performance.now();
    }
    this.known = readAttempt(lease.metadata.annotations?.[attemptAnnotation]) ?? this.known;
  }

  private async write(attempt: Attempt | undefined): Promise<boolean> {
    const begun = performance.now();
    const { lease } = this;
    if (lease === undefined) return false;
    const now = microTime(new Date());
    const taken = lease.spec?.holderIdentity !== this.identity;
    const changed: Lease = {
      ...lease,
      metadata: {
        ...lease.metadata,
        annotations: {
          ...lease.metadata.annotations,
          ...(attempt === undefined ? {} : { [attemptAnnotation]: JSON.stringify(attempt) }),
        },
      },
      spec: {
        ...lease.spec,
        holderIdentity: this.identity,
        leaseDurationSeconds: Math.ceil(this.times.duration / 1000),
        renewTime: now,
        ...(taken
          ? { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 }
          : {}),
      },
    };
    try {
      const options = { timeoutMilliseconds: patience };
      this.see(await this.client.replace(resources.leases, this.namespace, changed, options));
      this.renewedAt = begun;
      this.until = begun + this.times.deadline;
      return true;
    } catch (error) {
      if (!isFailure(error, "conflict")) throw error;
      return false;
    }
  }
}

function readAttempt(json: string | undefined): Attempt | undefined {
  if (json === undefined) return undefined;
  try {
    return attemptSchema.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

/** Kubernetes' MicroTime: six digits of a second. */
function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}

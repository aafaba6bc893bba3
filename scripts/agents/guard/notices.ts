import type { Logger } from "pino";
import type { Finding } from "../../../infra/rollout/evidence/findings.ts";
import type { Verdict } from "../../../infra/rollout/evidence/evaluate.ts";

/** Something that people are told. */
export interface Notice {
  /** CamelCase word, as Kubernetes events have it. */
  readonly reason: string;
  readonly type: "Warning" | "Normal";
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Hands a notice on; rejects where that failed. */
export type Channel = (notice: Notice) => Promise<void>;

/** How often the same is told. */
interface NoticeTimes {
  /** The same alert is told once in this time, seconds. */
  readonly repeatSeconds: number;
  /** Faults of the data are told after they have lasted for this time, seconds. */
  readonly missingDataSeconds: number;
}

/** Notices that wait for their channel at most; older ones are dropped, and that is told. */
const longestQueue = 200;

/** Pause before a failed notice is tried again, milliseconds. */
const retryPause = 2_000;

/**
 * Tells people what a guard finds: each alert once in a while, data faults once they last. A notice that cannot be
 * handed on is tried again and blocks nothing.
 */
export class Notices {
  private readonly channel: Channel;
  private readonly times: NoticeTimes;
  private readonly log: Logger;
  private readonly told = new Map<string, number>();
  private readonly lasting = new Map<string, number>();
  private queue: Notice[] = [];
  private sending = false;
  private stopped = false;

  constructor(channel: Channel, times: NoticeTimes, log: Logger) {
    this.channel = channel;
    this.times = times;
    this.log = log;
  }

  /** Notices that were not handed on yet. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Takes what an evaluation found. */
  consider({ at, findings }: Verdict): void {
    const pages = findings.filter(({ action, page }) => page || action === "alert");
    const present = new Set(pages.map(keyOf));
    for (const key of this.lasting.keys()) if (!present.has(key)) this.lasting.delete(key);
    for (const finding of pages) {
      const key = keyOf(finding);
      const since = this.lasting.get(key) ?? at;
      this.lasting.set(key, since);
      const patience = finding.basis === "data" ? this.times.missingDataSeconds * 1000 : 0;
      if (at - since < patience) continue;
      const toldAt = this.told.get(key);
      if (toldAt !== undefined && at - toldAt < this.times.repeatSeconds * 1000) continue;
      this.told.set(key, at);
      this.tell({ reason: reasonOf(finding), type: "Warning", message: finding.text, at });
    }
  }

  /** Tells something that happens once. */
  tell(notice: Notice): void {
    const { reason, message } = notice;
    this.log.warn({ reason, notice: message }, "notice");
    if (this.queue.length >= longestQueue) {
      const dropped = this.queue.shift();
      this.log.error({ reason: dropped?.reason }, "too many notices wait; the oldest is dropped");
    }
    this.queue.push(notice);
    void this.send();
  }

  /** Ends trying. */
  stop(): void {
    this.stopped = true;
  }

  private async send(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    let failed = "";
    while (this.queue.length > 0 && !this.stopped) {
      const [next] = this.queue;
      if (next === undefined) break;
      try {
        await this.channel(next);
        this.queue = this.queue.filter((notice) => notice !== next);
        failed = "";
      } catch (error) {
        if (String(error) !== failed) {
          failed = String(error);
          this.log.error({ error: failed }, "a notice cannot be handed on; it is tried again");
        }
        await pause(retryPause);
      }
    }
    this.sending = false;
  }
}

function keyOf({ code, sli }: Finding): string {
  return sli === undefined ? code : `${code} ${sli}`;
}

/** `evidence-cumulative` becomes `EvidenceCumulative`. */
function reasonOf({ code }: Finding): string {
  return code.replace(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

/** Does not keep the process alive. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds).unref());
}

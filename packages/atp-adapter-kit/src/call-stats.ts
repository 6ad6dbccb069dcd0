/**
 * What Health reports about recent calls. Pure: time comes in as an argument.
 */

const maxCalls = 256;
const windowMs = 300_000;

interface CallRecord {
  readonly at: number;
  readonly latencyMs: number;
  readonly failed: boolean;
}

/** The last 256 calls of the last five minutes: old trouble is forgotten even when no call comes. */
export class CallStats {
  private records: CallRecord[] = [];

  /** Records a call that ended at `at` (ms of any steady clock). A cancelled call is not recorded at all. */
  record(at: number, latencyMs: number, failed: boolean): void {
    this.records.push({ at, latencyMs, failed });
    if (this.records.length > maxCalls) this.records.shift();
  }

  /** The 95th percentile (nearest rank) of the time of calls that succeeded, and the share that failed; 0 without calls. */
  read(at: number): { p95Ms: number; errorRate: number } {
    this.records = this.records.filter((record) => at - record.at <= windowMs);
    if (this.records.length === 0) return { p95Ms: 0, errorRate: 0 };
    const failed = this.records.filter((record) => record.failed).length;
    const times = this.records
      .filter((record) => !record.failed)
      .map((record) => record.latencyMs)
      .sort((a, b) => a - b);
    return {
      p95Ms: times[Math.ceil(times.length * 0.95) - 1] ?? 0,
      errorRate: failed / this.records.length,
    };
  }
}

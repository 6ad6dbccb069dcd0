import { readFileSync } from "node:fs";
import WebSocket from "ws";

/** One function of a CPU profile, as V8 tells it. Lines and columns count from 0. */
export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** V8's CPU profile. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** V8's sampled allocations, as a tree. */
export interface AllocationNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

interface Reply {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Call {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: Error) => void;
}

/** A connection to the inspector of a Node process that was started with `--inspect`. */
export class Inspector {
  private lastId = 0;
  private readonly waiting = new Map<number, Call>();

  private constructor(private readonly socket: WebSocket) {
    socket.on("message", (data: Buffer) => {
      const { id, result, error } = JSON.parse(data.toString()) as Reply;
      if (id === undefined) return;
      const call = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) call?.resolve(result as never);
      else call?.reject(new Error(`inspector: ${error.message}`));
    });
    socket.on("close", () => {
      for (const { reject } of this.waiting.values()) reject(new Error("the inspector went away"));
      this.waiting.clear();
    });
  }

  /**
   * Opens the inspector whose address Node wrote to the process's standard error, kept in `logFile`.
   * @throws Error when there is no address in it
   */
  static open(logFile: string): Promise<Inspector> {
    const url = /Debugger listening on (ws:\/\/\S+)/.exec(readFileSync(logFile, "utf8"))?.[1];
    if (url === undefined) throw new Error(`no inspector address in ${logFile}`);
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      socket.once("error", reject);
      socket.once("open", () => resolve(new Inspector(socket)));
    });
  }

  /** Calls a method of the protocol. */
  call<Result>(method: string, params: object = {}): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const id = ++this.lastId;
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** Samples the CPU each 200 us while `work` runs. */
  async cpu(work: () => Promise<unknown>): Promise<CpuProfile> {
    await this.call("Profiler.enable");
    await this.call("Profiler.setSamplingInterval", { interval: 200 });
    await this.call("Profiler.start");
    await work();
    return (await this.call<{ profile: CpuProfile }>("Profiler.stop")).profile;
  }

  /** Samples allocations, about one each 16 KiB, while `work` runs; freed ones count too. */
  async allocations(work: () => Promise<unknown>): Promise<AllocationNode> {
    await this.call("HeapProfiler.enable");
    await this.call("HeapProfiler.startSampling", {
      samplingInterval: 16_384,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await work();
    return (await this.call<{ profile: { head: AllocationNode } }>("HeapProfiler.stopSampling")).profile.head;
  }

  /** Lets the process go on alone. */
  close(): void {
    this.socket.close();
  }
}

import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { AtpRun, ClientState, Feedback, RequestContent, RunRef, StreamOptions, Window } from "../index.js";
import { useAtpClient } from "./provider.js";
import { idleView, RunStore } from "./run-store.js";
import type { RunView } from "./run-store.js";

/** Options of {@link useAtpStream}. */
export interface UseAtpStreamOptions {
  /** Components are told of a run at most once in this time, in milliseconds. Its end is told at once. @default 50 */
  readonly throttleMs?: number;
  /** What becomes of a run that is still open when its component goes away. @default "cancel" */
  readonly onUnmount?: "cancel" | "leave";
}

/** What {@link useAtpStream} gives: a view of the newest run, and what may be done with it. The functions never change. */
export interface AtpStream extends RunView {
  /** The newest run itself, for its events; null before the first one. */
  readonly run: AtpRun | null;
  /** Asks. A run that is still open is cancelled first. */
  readonly ask: (request: string | RequestContent, options?: StreamOptions) => AtpRun;
  /** Takes up a detached run. */
  readonly attach: (ref: RunRef) => AtpRun;
  readonly cancel: (reason?: string) => void;
  readonly detach: () => Promise<RunRef | undefined>;
  readonly updateWindow: (window: Window) => void;
  readonly feedback: (feedback: Feedback) => boolean;
  /** Cancels what is open and shows nothing. */
  readonly reset: () => void;
}

/** One run at a time, as state of a component. */
export function useAtpStream(options: UseAtpStreamOptions = {}): AtpStream {
  const { throttleMs = 50, onUnmount = "cancel" } = options;
  const client = useAtpClient();
  const [store] = useState(() => new RunStore(throttleMs));
  const view = useSyncExternalStore(store.subscribe, store.view, serverView);
  const begin = useCallback(
    (run: AtpRun): AtpRun => {
      if (store.run !== null) void store.run.cancel("asked anew");
      store.show(run);
      return run;
    },
    [store],
  );
  useEffect(() => {
    let isMounted = true;
    mounts.set(store, () => isMounted);
    return () => {
      isMounted = false;
      // StrictMode mounts again at once: only a component that stays away gives its run up.
      setTimeout(() => {
        if (mounts.get(store)?.() !== true && onUnmount === "cancel") void store.run?.cancel("unmounted");
      }, 0);
    };
  }, [store, onUnmount]);
  const actions = useMemo(
    () => ({
      ask: (request: string | RequestContent, options?: StreamOptions) => begin(client.stream(request, options)),
      attach: (ref: RunRef) => begin(client.attach(ref)),
      cancel: (reason?: string) => void store.run?.cancel(reason),
      detach: async () => store.run?.detach(),
      updateWindow: (window: Window) => {
        store.run?.window.update(window);
      },
      feedback: (feedback: Feedback) => store.run?.feedback(feedback) === true,
      reset: () => {
        if (store.run !== null) void store.run.cancel("reset");
        store.show(null);
      },
    }),
    [client, store, begin],
  );
  return { ...view, run: store.run, ...actions };
}

/** Where the client's connection stands. On a server: `idle`. */
export function useAtpState(): ClientState {
  const client = useAtpClient();
  const subscribe = useCallback(
    (listener: () => void) => {
      client.on("state", listener);
      return () => {
        client.off("state", listener);
      };
    },
    [client],
  );
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => IDLE,
  );
}

const IDLE: ClientState = { name: "idle" };
const serverView = (): RunView => idleView;
/** Whether a store's component is in the page, by its newest mount. */
const mounts = new WeakMap<RunStore, () => boolean>();

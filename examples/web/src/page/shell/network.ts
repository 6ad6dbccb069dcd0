import type { ClientSocket, SocketFactory, WakeSource } from "atp-client";

/** A network that can be cut: what stands between the client and the browser's sockets. */
export interface Network {
  readonly socket: SocketFactory;
  readonly wake: WakeSource;
  readonly isCut: () => boolean;
  /** Cuts every connection without a farewell, and lets none be made; or lets them be made again. */
  setCut(cut: boolean): void;
  readonly subscribe: (listener: () => void) => () => void;
}

/** What a browser tells of a connection that is lost. */
const LOST = 1006;

/** Makes a {@link Network}, whole at first. */
export function createNetwork(): Network {
  let cut = false;
  const open = new Set<() => void>();
  const listeners = new Set<() => void>();
  const wakers = new Set<() => void>();
  return {
    socket: (url, protocols) => {
      const socket = new CuttableSocket(url, protocols, () => open.delete(lose));
      const lose = (): void => {
        socket.lose();
      };
      open.add(lose);
      if (cut) queueMicrotask(lose);
      return socket;
    },
    wake: (wake) => {
      const looked = (): void => {
        if (document.visibilityState === "visible") wake();
      };
      wakers.add(wake);
      window.addEventListener("online", wake);
      document.addEventListener("visibilitychange", looked);
      return () => {
        wakers.delete(wake);
        window.removeEventListener("online", wake);
        document.removeEventListener("visibilitychange", looked);
      };
    },
    isCut: () => cut,
    setCut: (now) => {
      cut = now;
      if (cut) for (const lose of [...open]) lose();
      else for (const wake of wakers) wake();
      for (const listener of listeners) listener();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The browser's socket, which can be lost from this side: nothing passes any more, and nobody says goodbye. */
class CuttableSocket implements ClientSocket {
  onopen: ClientSocket["onopen"] = null;
  onmessage: ClientSocket["onmessage"] = null;
  onerror: ClientSocket["onerror"] = null;
  onclose: ClientSocket["onclose"] = null;
  readonly #socket: WebSocket;
  readonly #ended: () => void;
  #isLost = false;

  constructor(url: string, protocols: readonly string[], ended: () => void) {
    this.#socket = new WebSocket(url, [...protocols]);
    this.#ended = ended;
    this.#socket.onopen = () => this.onopen?.();
    this.#socket.onmessage = (event) => this.onmessage?.({ data: event.data as unknown });
    this.#socket.onerror = () => this.onerror?.({});
    this.#socket.onclose = ({ code, reason }) => {
      this.#close(code, reason);
    };
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  get binaryType(): string {
    return this.#socket.binaryType;
  }

  set binaryType(type: string) {
    this.#socket.binaryType = type as BinaryType;
  }

  send(data: string | Uint8Array): void {
    if (!this.#isLost) this.#socket.send(data as string | Uint8Array<ArrayBuffer>);
  }

  close(code?: number, reason?: string): void {
    if (!this.#isLost) this.#socket.close(code, reason);
  }

  lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
    // The router must see a lost connection too, and a browser can only close: a code of its own is none that ends a session.
    socket.close(4999);
    this.#close(LOST, "cut by the switch");
  }

  #close(code: number, reason: string): void {
    this.#ended();
    this.onclose?.({ code, reason });
  }
}

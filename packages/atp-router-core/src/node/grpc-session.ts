import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders, Settings } from "node:http2";
import { connect as connectTcp } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "../ports/index.js";

/** Where an adapter is. */
export interface Target {
  readonly secure: boolean;
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as HTTP writes it. */
  readonly authority: string;
  /** With TLS; asked at each connection, so that renewed files count. @default the authorities of Node, no certificate of our own */
  readonly tls?: () => TlsOptions;
}

/** What a router shows and trusts on TLS connections, as PEM. */
export interface TlsOptions {
  /** The authorities to trust, beside none. @default those of Node */
  readonly ca?: string;
  /** The router's own certificate chain and key, for mutual TLS. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Reads an adapter's URL. Without a port it is 7070, with TLS 443.
 * @throws TypeError when it is not an `http:` or `https:` URL
 */
export function targetOf(address: string): Target {
  const url = new URL(address);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new TypeError(`${address} is not an http: or https: URL`);
  const secure = url.protocol === "https:";
  // A port that is the scheme's own is dropped from URLs.
  const own = secure ? 443 : /:80(?:[/?#]|$)/.test(address.trim()) ? 80 : 7070;
  const port = url.port === "" ? own : Number(url.port);
  return { secure, host: url.hostname.replace(/^\[|\]$/g, ""), port, authority: `${url.hostname}:${port}` };
}

/** What a channel hears of its sessions. */
export interface SessionEvents {
  /** It is connected, or the peer changed how many calls it takes. */
  ready(session: GrpcSession): void;
  /** It takes no more calls. Told at least once, the last time when its socket closed. */
  ended(session: GrpcSession): void;
}

/** As long as a host takes that will not answer. */
const CONNECT_TIMEOUT_MS = 20_000;
/** Servers of other languages cut a client that pings a quiet call more often than each five minutes. */
const KEEPALIVE_MS = 310_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/**
 * What an adapter may send before it hears that it was read. Node counts bytes as read once they left the socket, so calls
 * that are paused hold up none but themselves; their own window is HTTP/2's 64 KiB each.
 */
const SESSION_WINDOW_BYTES = 1024 * 1024;
/** Node's bound on a session refuses answers beyond 10 MB of them; flow control is ours. */
const MAX_SESSION_MEGABYTES = 1_024;

/** One HTTP/2 connection. It keeps the process alive only while calls run on it. */
export class GrpcSession {
  /** Connected, which is known once the peer sent its settings: a host that takes connections and is silent is not. */
  connected = false;
  private readonly socket: Socket;
  private readonly session: ClientHttp2Session;
  private calls = 0;
  private maxCalls = 0;
  private lastStreamId = Infinity;
  private stopTimer: () => void;

  constructor(
    private readonly target: Target,
    private readonly clock: Clock,
    private readonly events: SessionEvents,
  ) {
    const { host, port } = target;
    // Its own socket, because a session that is not connected yet cannot be ended at once.
    this.socket = target.secure
      ? connectTls({
          host,
          port,
          ALPNProtocols: ["h2"],
          servername: serverName(host),
          ...target.tls?.(),
        })
      : connectTcp({ host, port });
    this.session = connect(`${target.secure ? "https" : "http"}://${target.authority}`, {
      createConnection: () => this.socket,
      settings: { enablePush: false },
      maxSessionMemory: MAX_SESSION_MEGABYTES,
    });
    this.stopTimer = clock.at(clock.now() + CONNECT_TIMEOUT_MS, () => this.destroy());
    this.session.on("remoteSettings", ({ maxConcurrentStreams }: Settings) => this.greeted(maxConcurrentStreams));
    this.session.on("goaway", (_code: number, lastStreamId: number) => {
      this.lastStreamId = Math.min(this.lastStreamId, lastStreamId);
      if (this.connected) events.ended(this);
    });
    // Each is followed by `close`.
    this.session.on("error", () => undefined);
    this.session.on("close", () => {
      this.stopTimer();
      events.ended(this);
    });
  }

  /** Whether it takes a call now. */
  get room(): boolean {
    return this.connected && this.calls < this.maxCalls && !this.session.closed && !this.session.destroyed;
  }

  /** Whether its connection is gone. */
  get lost(): boolean {
    return this.session.destroyed;
  }

  /** Whether the peer may have looked at a stream: not when it has no number, or one that GOAWAY leaves out. */
  saw(streamId: number | undefined): boolean {
    return streamId !== undefined && streamId <= this.lastStreamId;
  }

  /** Starts a call. */
  request(path: string, timeout: string, metadata: OutgoingHttpHeaders): ClientHttp2Stream {
    if (this.calls++ === 0) this.socket.ref();
    return this.session.request(
      {
        ":method": "POST",
        ":scheme": this.target.secure ? "https" : "http",
        ":authority": this.target.authority,
        ":path": path,
        "content-type": "application/grpc+proto",
        te: "trailers",
        "user-agent": "atp-router",
        "grpc-timeout": timeout,
        ...metadata,
      },
      { endStream: false },
    );
  }

  /** A call ended. */
  release(): void {
    if (--this.calls === 0) this.socket.unref();
  }

  /** Keeps the process alive while calls wait for the connection. */
  hold(wanted: boolean): void {
    if (wanted) this.socket.ref();
    else this.socket.unref();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.stopTimer();
    if (this.connected) this.session.destroy();
    else this.socket.destroy();
  }

  private greeted(maxConcurrentStreams = Infinity): void {
    this.maxCalls = maxConcurrentStreams;
    if (!this.connected) {
      this.connected = true;
      this.socket.unref();
      this.session.setLocalWindowSize(SESSION_WINDOW_BYTES);
      this.keepAlive();
    }
    this.events.ready(this);
  }

  /** Asks a connection with calls for a sign of life: a host that vanished does not close it. */
  private keepAlive(): void {
    this.stopTimer();
    this.stopTimer = this.clock.at(this.clock.now() + KEEPALIVE_MS, () => {
      if (this.calls === 0) {
        this.keepAlive();
        return;
      }
      this.stopTimer = this.clock.at(this.clock.now() + KEEPALIVE_TIMEOUT_MS, () => this.socket.destroy());
      this.session.ping(() => {
        if (!this.session.destroyed) this.keepAlive();
      });
    });
  }
}

/** TLS names hosts, not addresses. */
function serverName(host: string): string {
  return /^[\d.]+$|:/.test(host) ? "" : host;
}

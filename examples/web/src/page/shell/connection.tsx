import { useSyncExternalStore } from "react";
import type { ReactElement } from "react";
import { useAtpState } from "atp-client/react";
import { network } from "./client.js";

const words = {
  idle: "not connected yet",
  connecting: "connecting",
  waiting: "waiting to connect again",
  open: "connected",
  closed: "closed",
} as const;

/** The state of the connection, and the switch that cuts it. */
export function Connection(): ReactElement {
  const state = useAtpState();
  const isCut = useSyncExternalStore(network.subscribe, network.isCut);
  const attempt = "attempt" in state && state.attempt > 1 ? `, attempt ${state.attempt}` : "";
  return (
    <div className="connection">
      <span className={`badge state-${state.name}`} role="status" data-testid="connection">
        {words[state.name]}
        {attempt}
      </span>
      <button
        type="button"
        role="switch"
        aria-checked={!isCut}
        className="switch"
        onClick={() => {
          network.setCut(!isCut);
        }}
      >
        <span className="knob" aria-hidden="true" />
        Network
      </button>
    </div>
  );
}

import type { ReactElement } from "react";
import { RelayedChat } from "../../src/chat/relayed-chat";

/** The server speaks to the router, for routers that browsers cannot reach and credentials that they may not see. */
export default function Page(): ReactElement {
  return <RelayedChat />;
}

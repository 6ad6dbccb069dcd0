"use client";

import { AtpChatTransport } from "atp-client/ai";
import { AtpProvider, useAtpState } from "atp-client/react";
import { useState } from "react";
import type { ReactElement } from "react";
import { browserClient } from "../router/browser-client";
import type { AtpMessage } from "./atp-message";
import { Chat } from "./chat";

/** A chat whose frames go from the browser to the router. */
export function DirectChat({ url }: { readonly url: string }): ReactElement {
  const client = browserClient(url);
  const [transport] = useState(() => new AtpChatTransport<AtpMessage>({ client, partials: true }));
  return (
    <AtpProvider client={client}>
      <Chat transport={transport} />
      <Connection />
    </AtpProvider>
  );
}

function Connection(): ReactElement {
  const { name } = useAtpState();
  return (
    <p className="quiet" role="status" data-testid="connection">
      Connection: {name}
    </p>
  );
}

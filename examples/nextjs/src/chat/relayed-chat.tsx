"use client";

import { DefaultChatTransport } from "ai";
import { useState } from "react";
import type { ReactElement } from "react";
import type { AtpMessage } from "./atp-message";
import { Chat } from "./chat";

/** A chat over the route `/api/chat` of this app, with nothing of ATP in the browser. */
export function RelayedChat(): ReactElement {
  const [transport] = useState(() => new DefaultChatTransport<AtpMessage>({ api: "/api/chat" }));
  return <Chat transport={transport} />;
}

import { connection } from "next/server";
import type { ReactElement } from "react";
import { DirectChat } from "../src/chat/direct-chat";
import { routerUrl } from "../src/router/address";

/** The browser speaks to the router itself: one socket for all chats, resumed when it is lost. */
export default async function Page(): Promise<ReactElement> {
  // The address is read for each request, not frozen into the build.
  await connection();
  return <DirectChat url={routerUrl()} />;
}
